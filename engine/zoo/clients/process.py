"""The parent's side of a call: a child process that can be given up at any time, watched for silence."""

from __future__ import annotations

import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any

import msgspec

from engine.errors import UserError, plain
from engine.zoo.source import Cancelled, FetchCancelled

TIMEOUT_VARIABLE = "SQA_ZOO_TIMEOUT"
_DEFAULT_TIMEOUT = 8.0
_SHORTEST = 0.1
_GRACE = 2.0
"""What a child has beyond its own time limits, to say itself that they were passed."""
_START_LIMIT = 60.0
"""Importing a client may take this long on a busy machine."""
_POLL = 0.1

OnEvent = Callable[[Mapping[str, Any]], None]


def timeout() -> float:
    """Seconds that a server may be silent; an error where the variable says something else."""
    written = os.environ.get(TIMEOUT_VARIABLE, "")
    if not written.strip():
        return _DEFAULT_TIMEOUT
    with suppress(ValueError):
        if 0 < (seconds := float(written)) < math.inf:
            return max(seconds, _SHORTEST)
    raise UserError(f"{TIMEOUT_VARIABLE}={plain(written, 40)} is no number of seconds", f"such as {_DEFAULT_TIMEOUT:g}")


def never() -> bool:
    """For calls that nobody gives up."""
    return False


def ignore(_: Mapping[str, Any]) -> None:
    """For calls whose course nobody wants to know."""


def call(
    program: str,
    request: Mapping[str, Any],
    *,
    asks: str,
    environment: Mapping[str, str] | None = None,
    on_event: OnEvent = ignore,
    cancelled: Cancelled = never,
) -> Any:
    """Run ``python -m program`` with one request and return its answer.

    Args:
        program: A module that ends in `engine.zoo.clients.child.serve`.
        request: With ``op``; the child also gets ``timeout``, the seconds it may wait for the server.
        asks: Who is asked, for the error of a silent one.
        environment: Variables to add; the child has them before it imports anything.
        on_event: Gets every line that is neither ready, result nor error.
        cancelled: Asked ten times a second.

    Raises:
        UserError: What the child refused or could not do, or that it was silent too long.
        FetchCancelled: `cancelled` said so; the child is dead then.
    """
    limit = timeout()
    with tempfile.TemporaryFile() as console, _child(program, environment or {}, console) as process:
        assert process.stdin
        with suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode({**request, "timeout": limit}) + b"\n")
            process.stdin.flush()
        for line in _lines(process, asks, limit + _GRACE, cancelled):
            event: dict[str, Any] = msgspec.json.decode(line)
            if event["event"] == "result":
                return event["value"]
            if event["event"] == "error":
                raise UserError(event["message"], event["hint"])
            if event["event"] != "ready":
                on_event(event)
        raise _died(process, console, asks)


@contextmanager
def _child(program: str, environment: Mapping[str, str], console: IO[bytes]) -> Generator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=console,
        env={**os.environ, **environment},
        start_new_session=True,
        bufsize=0,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def _lines(process: subprocess.Popen[bytes], asks: str, silence: float, cancelled: Cancelled) -> Generator[bytes]:
    """Lines as they come; raises where none comes for `silence` seconds (longer before the first, which says ready)."""
    assert process.stdout
    rest, last, limit = b"", time.monotonic(), _START_LIMIT
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if cancelled():
                raise FetchCancelled
            if not selector.select(_POLL):
                if time.monotonic() - last > limit:
                    raise UserError(
                        f"{asks} does not answer", f"gave up after {limit:.0f} s; {TIMEOUT_VARIABLE} sets it"
                    )
                continue
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return
            last, limit = time.monotonic(), silence
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole


def _died(process: subprocess.Popen[bytes], console: IO[bytes], asks: str) -> UserError:
    process.wait()
    console.seek(0)
    said = console.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
    return UserError(f"the program that asks {asks} ended: {plain(said[-1] if said else 'it said nothing', 300)}")
