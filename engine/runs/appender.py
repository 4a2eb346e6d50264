"""Whole lines at the end of a file, kept and retried where the disk does not take them."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from pathlib import Path

_BATCH_BYTES = 1 << 16


class LineAppender:
    """Appends lines to `path` with one `os.write` a batch on a descriptor opened with O_APPEND.

    What a failed or short write left over stays in memory and is written by a later `write`. A line begun is continued
    where it broke off; where the file changed meanwhile, or did not end in a newline when it was opened, a newline
    comes first and the line is written whole, so that no line is ever glued to half of another.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._pending: deque[bytes] = deque()
        self._begun = 0  # bytes of the first pending line that are in the file already
        self._end = -1  # size of the file as this object left it
        self._heal = False
        self.blocked: str | None = None

    @property
    def waiting(self) -> int:
        """Lines not yet written."""
        return len(self._pending)

    def add(self, line: bytes) -> None:
        """Queue one line, its newline included."""
        self._pending.append(line)

    def write(self) -> bool:
        """Write what waits; True when nothing is left. On failure `blocked` says why and the rest is kept."""
        try:
            self._open()
            while self._pending:
                self._write_batch()
        except OSError as error:
            self.blocked = error.strerror or str(error)
            self.close()
            return False
        self.blocked = None
        return True

    def sync(self) -> None:
        """Wait until the disk has what was written; without effect where the file cannot be opened."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Close the file; lines that wait are kept and a later `write` opens it again."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        if self._descriptor >= 0:
            return
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        size = os.fstat(self._descriptor).st_size
        if size != self._end:
            self._heal = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
            self._begun, self._end = 0, size

    def _write_batch(self) -> None:
        data = self._batch()
        written = os.write(self._descriptor, data)
        self._end += written
        if self._heal and written:
            self._heal = False
            written -= 1
        self._account(written)

    def _batch(self) -> bytes:
        parts = [b"\n"] if self._heal else []
        parts.append(self._pending[0][self._begun :])
        size = len(parts[-1])
        for index in range(1, len(self._pending)):
            line = self._pending[index]
            size += len(line)
            if size > _BATCH_BYTES:
                break
            parts.append(line)
        return b"".join(parts)

    def _account(self, written: int) -> None:
        while self._pending and written >= len(self._pending[0]) - self._begun:
            written -= len(self._pending.popleft()) - self._begun
            self._begun = 0
        self._begun += written
