"""The engine's lock: held for as long as the process lives, whatever way it ends.

A POSIX record lock (fcntl(2)) belongs to the process and not to the descriptor: a forked worker that outlives the
engine does not hold it, but closing *any* descriptor of the file in the owning process drops it. Hence the owner opens
the file here and nowhere else, and `probe` answers for the process's own locks without touching the file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Literal

from engine.errors import UserError

LockState = Literal["held", "free", "unknown"]

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_BUSY = {errno.EACCES, errno.EAGAIN}
# struct flock of 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid.
_FLOCK = "hhqqi4x"

# (device, inode) of the lock files this process holds -> the process that holds them: a forked child holds none.
_held: dict[tuple[int, int], int] = {}


class LockBusyError(UserError):
    """Somebody else holds the lock."""


class EngineLock:
    """An exclusive lock on `path` for the life of this process.

    Where the file system knows no locks, `acquire` succeeds with `supported` False and `probe` answers "unknown".
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.supported = True
        self._descriptor = -1
        self._key = (0, 0)

    def acquire(self) -> None:
        """Take the lock at once. Raises LockBusyError where it is held (also by this process), else OSError."""
        if _is_own(self.path):
            raise LockBusyError(f"{self.path} is already held by this process", "release it first")
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                if error.errno in _BUSY:
                    raise LockBusyError(f"{self.path} is held by another process", "wait for it or stop it") from error
                raise
            self.supported = False
        self._remember(descriptor)

    def _remember(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        self._descriptor = descriptor
        self._key = (status.st_dev, status.st_ino)
        if self.supported:
            _held[self._key] = os.getpid()

    def release(self) -> None:
        """Give the lock back; without effect where it is not held."""
        if self._descriptor < 0:
            return
        _held.pop(self._key, None)
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
        self._descriptor = -1


def _is_own(path: Path) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    return _held.get((status.st_dev, status.st_ino)) == os.getpid()


def probe(path: Path) -> LockState:
    """Who has the lock on `path`, asked without taking it: "held", "free" (also: no such file) or "unknown"."""
    if _is_own(path):
        return "held"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return "free"
    except OSError:
        return "unknown"
    try:
        request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, request)
        return "free" if struct.unpack(_FLOCK, answer)[0] == fcntl.F_UNLCK else "held"
    except OSError:
        return "unknown"
    finally:
        os.close(descriptor)
