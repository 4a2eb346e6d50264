"""One engine at a time on a device, in order of creation, without a daemon.

Each device of a host has a lock file; who holds its lock has the device. Engines that wait leave a file each, so that
the next one knows that it is next; the files of those that died are removed by the others.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.errors import UserError
from engine.runs.files import write_json
from engine.runs.identity import ProcessIdentity
from engine.runs.lock import EngineLock, LockBusyError
from engine.runs.paths import RunDirectory, home, make_private, slug_of
from engine.runs.spec import read_spec

_POLL_SECONDS = 0.2


class _Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A run that waits for a device or has it."""

    run: str
    created: float
    identity: ProcessIdentity

    def order(self) -> tuple[float, str]:
        return self.created, self.run


class DeviceSlot:
    """The right to use one device of this host, e.g. "cpu" or "cuda:0"; the same name means the same slot."""

    def __init__(self, device: str, *, root: Path | None = None, poll_seconds: float = _POLL_SECONDS) -> None:
        name = slug_of(f"{socket.gethostname()}-{device}", 100)
        folder = root or home() / "slots"
        self.device = device
        self._poll_seconds = poll_seconds
        self._lock = EngineLock(folder / f"{name}.lock")
        self._holder_file = folder / f"{name}.json"
        self._waiting = folder / f"{name}.waiting"
        self._own_file: Path | None = None

    def wait(
        self,
        directory: RunDirectory,
        on_wait: Callable[[str], None],
        should_stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Wait until the device is this run's; False where `should_stop` said so first.

        `on_wait` gets a line for people ("queued behind …") whenever what the run waits for changes.
        """
        claim = self._claim(directory)
        said = ""
        try:
            while not should_stop():
                ahead = self._ahead(claim)
                if ahead is None and self._take(claim):
                    return True
                text = f"queued behind {ahead.run if ahead else self._holder()} for {self.device}"
                if text != said:
                    on_wait(text)
                    said = text
                time.sleep(self._poll_seconds)
            return False
        finally:
            self._withdraw()

    def release(self) -> None:
        """Give the device to the next in the queue."""
        with contextlib.suppress(OSError):
            self._holder_file.unlink()
        self._lock.release()

    def _claim(self, directory: RunDirectory) -> _Claim:
        claim = _Claim(run=directory.id, created=_created(directory), identity=ProcessIdentity.current())
        self._own_file = self._waiting / f"{claim.created:020.6f}-{directory.id}-{os.getpid()}.json"
        try:
            make_private(self._waiting)
            write_json(self._own_file, claim)
        except OSError as error:
            hint = "free space or check the permissions"
            raise UserError(f"cannot queue for {self.device} in {self._waiting}: {error.strerror}", hint) from error
        return claim

    def _ahead(self, claim: _Claim) -> _Claim | None:
        """The last living run before this one in the queue."""
        others = [found for path in sorted(self._waiting.glob("*.json")) if (found := _living(path))]
        before = [other for other in others if other.order() < claim.order()]
        return max(before, key=_Claim.order) if before else None

    def _take(self, claim: _Claim) -> bool:
        try:
            self._lock.acquire()
        except LockBusyError:
            return False
        with contextlib.suppress(OSError):
            write_json(self._holder_file, claim)
        return True

    def _holder(self) -> str:
        claim = _read(self._holder_file)
        return claim.run if claim else "another run"

    def _withdraw(self) -> None:
        if self._own_file is not None:
            with contextlib.suppress(OSError):
                self._own_file.unlink()
            self._own_file = None


def _created(directory: RunDirectory) -> float:
    try:
        return read_spec(directory).created
    except UserError:
        return time.time()


def _read(path: Path) -> _Claim | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Claim)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _living(path: Path) -> _Claim | None:
    """The claim in `path` if its process lives; else the file is removed."""
    claim = _read(path)
    if claim is not None and claim.identity.alive():
        return claim
    with contextlib.suppress(OSError):
        path.unlink()
    return None
