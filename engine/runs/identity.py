"""Which process an engine is, so that a process number used again is never mistaken for it."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path

import msgspec

from engine.runs.files import write_json
from engine.runs.paths import RunDirectory

_DEAD = ("Z", "X", "x")


class ProcessIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """A process on one boot of one host; `start_ticks` counts clock ticks from boot to the start of the process."""

    pid: int
    pgid: int
    boot_id: str
    start_ticks: int
    host: str
    pid_namespace: str = ""

    @classmethod
    def current(cls) -> ProcessIdentity:
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """Identity of the running process `pid`. Raises ProcessLookupError where there is none."""
        _, pgid, start_ticks = _status(pid)
        return cls(
            pid=pid,
            pgid=pgid,
            boot_id=_boot_id(),
            start_ticks=start_ticks,
            host=socket.gethostname(),
            pid_namespace=_pid_namespace(),
        )

    def alive(self) -> bool | None:
        """Whether this very process runs; a zombie does not. None: it belongs to another host or PID namespace."""
        if self.host != socket.gethostname():
            return None
        if self.boot_id != _boot_id():
            return False
        if self.pid_namespace != _pid_namespace():
            return None
        try:
            status, _, start_ticks = _status(self.pid)
        except ProcessLookupError:
            return False
        return start_ticks == self.start_ticks and status not in _DEAD


def _status(pid: int) -> tuple[str, int, int]:
    """State letter, process group and start ticks of `pid` (proc(5), /proc/pid/stat)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessLookupError(f"no process {pid}") from error
    # The command in parentheses may itself hold blanks and parentheses.
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[2]), int(fields[19])


@functools.cache  # neither changes while this process lives
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@functools.cache
def _pid_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def write_identity(directory: RunDirectory, identity: ProcessIdentity) -> None:
    """Write ``process.json`` atomically."""
    write_json(directory.process_file, identity)


def read_identity(directory: RunDirectory) -> ProcessIdentity | None:
    """The identity in ``process.json``; None where no engine was started or the file cannot be read."""
    return read_identity_file(directory.process_file)


def read_identity_file(path: Path) -> ProcessIdentity | None:
    """The identity in a file of a run directory; None where there is none or it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ProcessIdentity)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
