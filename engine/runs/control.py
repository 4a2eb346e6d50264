"""Commands to a running engine: files that anyone renames into its ``control`` folder."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from engine.errors import UserError
from engine.runs.encoding import plain_value
from engine.runs.files import write_json
from engine.runs.paths import PRIVATE, RunDirectory

Command = Literal["stop", "pause", "resume", "checkpoint", "evaluate", "export"]
COMMANDS: tuple[str, ...] = get_args(Command)
_POLL_SECONDS = 0.2


class ControlRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One command; `request` is the id that the engine's ``control`` event names. An unreadable one has no command."""

    request: str
    command: str = ""
    arguments: dict[str, Any] = {}
    time: float = 0.0


def request(directory: RunDirectory, command: str, **arguments: Any) -> str:
    """Ask the engine of `directory` for `command`; returns the id of the request, which the engine answers later."""
    if command not in COMMANDS:
        raise UserError(f"an engine knows no command '{command}'", f"one of: {', '.join(COMMANDS)}")
    identifier = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(3)}"
    body = ControlRequest(request=identifier, command=command, arguments=plain_value(arguments), time=time.time())
    try:
        directory.control.mkdir(mode=PRIVATE, exist_ok=True)
        write_json(directory.control / f"{identifier}.json", body)
    except OSError as error:
        raise UserError(
            f"cannot write to {directory.control}: {error.strerror}", "check space and permissions"
        ) from error
    return identifier


class ControlInbox:
    """The requests of a run, each handed out once and removed; the folder is looked at five times a second at most."""

    def __init__(self, directory: RunDirectory, *, poll_seconds: float = _POLL_SECONDS) -> None:
        self._folder = directory.control
        self._poll_seconds = poll_seconds
        self._next = 0.0

    def poll(self) -> list[ControlRequest]:
        """Requests since the last call, oldest first; cheap enough to be called at every step."""
        now = time.monotonic()
        if now < self._next:
            return []
        self._next = now + self._poll_seconds
        return [self._take(path) for path in sorted(_files(self._folder))]

    def _take(self, path: Path) -> ControlRequest:
        try:
            found = msgspec.json.decode(path.read_bytes(), type=ControlRequest)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            found = ControlRequest(request=path.stem)
        with contextlib.suppress(OSError):
            path.unlink()
        return found


def _files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in entries if entry.name[0] != "." and entry.name.endswith(".json")]
    except OSError:
        return []


def discard_requests(directory: RunDirectory) -> None:
    """Drop what was asked of an engine that is gone, before another one starts."""
    for path in _files(directory.control):
        with contextlib.suppress(OSError):
            path.unlink()
