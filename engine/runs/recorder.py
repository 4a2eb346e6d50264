"""What an engine needs of its run directory, in one object: lock, identity, events, state and control."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.errors import RunFailure, UserError, plain
from engine.runs.control import ControlInbox, ControlRequest
from engine.runs.encoding import Event
from engine.runs.events import EventWriter
from engine.runs.identity import ProcessIdentity, read_identity, write_identity
from engine.runs.lock import EngineLock, LockBusyError
from engine.runs.paths import PRIVATE, RunDirectory
from engine.runs.reader import EventReader, last_events
from engine.runs.signals import children_unheard, install_signal_handlers
from engine.runs.state import RunState, StateWriter, advance, begin_again, read_state

_STARTING_PROMISE = 300.0
_TAIL_BYTES = 1 << 18
_LAST_WORDS_SECONDS = 10.0


class RunRecorder:
    """The engine's side of a run directory, from taking the lock to the exit event.

    Make it first of all in the engine's main thread, before anything heavy is imported, and use it as a context
    manager: an exception that leaves the block becomes the exit event `failed` and goes on to the caller. `signals`
    installs the handlers for SIGTERM and SIGINT (see `stop_requested`). Raises UserError where the run has an engine
    already or its directory cannot be written.
    """

    def __init__(self, directory: RunDirectory | Path, *, signals: bool = True) -> None:
        self.directory = directory if isinstance(directory, RunDirectory) else RunDirectory(directory)
        self._lock = EngineLock(self.directory.lock_file)
        self._take_over()
        self._open()
        begin_again(self._state.state)
        self._state.flush()
        self._inbox = ControlInbox(self.directory)
        self._end_writers: Callable[[], None] | None = None
        self._handing_over = threading.Lock()
        self._stop = threading.Event()
        self._exited = threading.Lock()
        self._process = os.getpid()
        if signals:
            install_signal_handlers(self.request_stop, self._stop_now)
        self.promise(_STARTING_PROMISE)
        atexit.register(self.close)

    def _take_over(self) -> None:
        try:
            self._lock.acquire()
            self.directory.control.mkdir(mode=PRIVATE, exist_ok=True)
            write_identity(self.directory, ProcessIdentity.current())
        except LockBusyError as error:
            owner = read_identity(self.directory)
            who = f"process {owner.pid} on {owner.host}" if owner else "another process"
            raise UserError(f"{self.directory.id} has an engine already: {who}", "stop it first") from error
        except OSError as error:
            self._lock.release()
            where = self.directory.path
            raise UserError(f"cannot write to {where}: {error.strerror}", "check space and permissions") from error

    def _open(self) -> None:
        """Go on with state and log where they ended."""
        self._state = StateWriter(self.directory.state_file, _last_state(self.directory))
        self._events = EventWriter(
            self.directory.events_file,
            on_event=self._state.apply,
            on_blocked=self._blocked,
            on_tick=self._state.tick,
        )

    @contextlib.contextmanager
    def lent(self, end_writers: Callable[[], None]) -> Generator[None]:
        """Let another process write log and state inside; the lock stays here, and nothing may be emitted.

        `end_writers` is called where the run must end at once: when it returns nobody else writes any more.
        """
        self._events.close(_LAST_WORDS_SECONDS)
        self._state.flush()
        self._end_writers = end_writers
        try:
            yield
        finally:
            # Where a second signal came first, this waits until that has ended the process.
            with self._handing_over:
                self._end_writers = None
                self._open()

    def _blocked(self, reason: str | None) -> None:
        self._state.update(disk_full=reason is not None)
        self._state.flush()

    @property
    def stop_requested(self) -> bool:
        """Whether somebody asked for an end: write a checkpoint, then `finish("stopped", …)`."""
        return self._stop.is_set()

    @property
    def blocked(self) -> str | None:
        """Why the log cannot be written at the moment (a full disk), in the system's words; None where it can."""
        return self._events.blocked

    def request_stop(self) -> None:
        """Make `stop_requested` true; SIGTERM and SIGINT do so."""
        self._stop.set()

    def emit(
        self,
        kind: str,
        *,
        step: int | None = None,
        epoch: float | None = None,
        expect_next_in: float | None = None,
        durable: bool = False,
        **fields: Any,
    ) -> None:
        """Queue an event (see `EventWriter.emit`); returns at once and never fails for a disk."""
        if kind == "start" and self._events.standing_promise == _STARTING_PROMISE:
            self.promise()
        self._events.emit(kind, step=step, epoch=epoch, expect_next_in=expect_next_in, durable=durable, **fields)

    def promise(self, seconds: float | None = None) -> None:
        """From now on something is reported at least every `seconds`; None: the default of a minute.

        It is five minutes until the event `start`.
        """
        self._events.promise(seconds)

    def progress(self) -> None:
        """Something was done that is no event: the promise counts from now. Cheap enough for every step."""
        self._events.progress()

    @contextlib.contextmanager
    def phase(self, name: str, text: str = "", *, promise: float | None = None, **place: Any) -> Generator[None]:
        """Emit `phase` events for entering and leaving; `promise` holds inside, `place` is `step` and `epoch`."""
        before = self._events.standing_promise
        if promise is not None:
            self.promise(promise)
        self.emit("phase", phase=name, action="enter", text=text, **place)
        try:
            yield
        finally:
            if promise is not None:
                self.promise(before)
            self.emit("phase", phase=name, action="leave", text=text, **place)

    def requests(self) -> list[ControlRequest]:
        """New control requests, oldest first; one that is not a command at all is refused here. For every step."""
        found = self._inbox.poll()
        for broken in (request for request in found if not request.command):
            self.answer(broken, accepted=False, message="the request could not be read")
        return [request for request in found if request.command]

    def answer(self, request: ControlRequest, *, accepted: bool, message: str = "") -> None:
        """Answer a request with a `control` event."""
        self.emit("control", request=request.request, command=request.command, accepted=accepted, message=message)

    def flush(self, timeout: float | None = 5.0) -> bool:
        """Wait until everything emitted is in the log; False where it could not be written in `timeout` seconds."""
        return self._events.flush(timeout)

    def finish(self, outcome: str = "finished", reason: str = "", **fields: Any) -> None:
        """Emit the exit event (`finished`, `stopped` or `failed`), write everything and release the lock.

        Only the first call counts.
        """
        if self._exited.acquire(blocking=False):
            self.emit("exit", outcome=outcome, reason=reason, **fields)
            self.close()

    def fail(self, error: BaseException) -> None:
        """`finish` with the outcome `failed` and `error` in words a user can act on."""
        kind, usage = type(error).__name__, isinstance(error, UserError)
        message, hint, reason = str(error), "the traceback is at the end of console.log", f"{kind}: {plain(str(error))}"
        if isinstance(error, (UserError, RunFailure)):
            message, hint, reason = error.message, error.hint, plain(error.message)
        facts = {"type": kind, "message": plain(message), "hint": plain(hint), "usage": usage}
        self.finish("failed", reason, error=facts)

    def close(self) -> None:
        """Write what waits and release the lock, without an exit event of its own."""
        if self._process != os.getpid():
            return
        self._events.close(_LAST_WORDS_SECONDS)
        self._state.flush()
        self._lock.release()
        atexit.unregister(self.close)

    def _stop_now(self) -> None:
        self._handing_over.acquire()
        if self._end_writers is not None:
            self._end_writers()
            self._open()
        self.finish("stopped", "stopped at once by a second signal")
        self.close()
        with contextlib.suppress(OSError):
            if os.getpgid(0) == os.getpid():
                os.killpg(0, signal.SIGTERM)  # the workers; this process has a handler that does nothing
        os._exit(128 + signal.SIGTERM)

    def __enter__(self) -> RunRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with children_unheard():
            self._end(error)

    def _end(self, error: BaseException | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            self.finish("stopped", "interrupted")
        elif error is not None and not (isinstance(error, SystemExit) and not error.code):
            if not isinstance(error, (UserError, RunFailure, SystemExit)):
                with contextlib.suppress(OSError):  # a console that is gone or full must not hide how the run ended
                    traceback.print_exception(error, file=sys.stderr)
            self.fail(error)
        else:
            self.finish("stopped" if self.stop_requested else "finished")


def _last_state(directory: RunDirectory) -> RunState:
    """The state after the last event of an existing log: the stored one brought up, or made anew from the log."""
    state = read_state(directory)
    tail = last_events(directory.events_file, _TAIL_BYTES)
    known = state is not None and tail and tail[0]["seq"] <= state.seq + 1 <= tail[-1]["seq"] + 1
    if state is None or not known:
        state = RunState()
    for event in tail if known else _all_events(directory):
        advance(state, event)
    return state


def _all_events(directory: RunDirectory) -> Generator[Event]:
    reader = EventReader(directory.events_file)
    with contextlib.suppress(OSError):
        while events := reader.read(10_000):
            yield from events
