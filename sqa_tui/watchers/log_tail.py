"""The end of a raw log, followed by its offset, made safe for a terminal."""

from __future__ import annotations

import os
import re
from collections import deque
from pathlib import Path

LINES = 500
"""Lines kept."""
START_BYTES = 256 * 1024
"""Bytes of an existing log that are looked at first: about its last 2,000 lines."""
READ_BYTES = 1024 * 1024
"""Most bytes taken at once: an engine that floods its log is read in steps."""
LINE_LIMIT = 1000
"""Characters of a line that are kept."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, movements
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC, DCS and others that carry text
    r"|\x1b[@-Z\\-_]?"
)


def clean(line: str) -> str:
    """One line without escape codes and control characters; of a progress bar what it showed last."""
    last = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    bare = _ESCAPES.sub("", last).expandtabs(4).rstrip()[:LINE_LIMIT]
    # Not `engine.errors.plain`: the indentation of a traceback says something.
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in bare)


class LogTail:
    """The last lines of a file that another process appends to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: deque[str] = deque(maxlen=LINES)
        self._partial = b""
        self._inode: int | None = None
        self._offset = 0

    def poll(self) -> bool:
        """Read what was added; True if the lines changed. A missing file has none. Raises OSError as `open` does."""
        try:
            with self.path.open("rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._offset:
                    self._restart(status)
                if status.st_size == self._offset:
                    return False
                file.seek(self._offset)
                block = file.read(READ_BYTES) or b""
        except FileNotFoundError:
            return False
        self._offset += len(block)
        self._take(block)
        return True

    def lines(self) -> tuple[str, ...]:
        """The lines now, oldest first; what has no line end yet is the last one."""
        partial = clean(self._partial.decode("utf-8", "replace"))
        return (*self._lines, partial) if partial else tuple(self._lines)

    def _restart(self, status: os.stat_result) -> None:
        self._lines.clear()
        self._inode = status.st_ino
        self._offset = max(status.st_size - START_BYTES, 0)
        # The first piece of a log that is entered in its middle is no whole line.
        self._partial = b"\x00skip" if self._offset else b""

    def _take(self, block: bytes) -> None:
        *whole, self._partial = (self._partial + block).split(b"\n")
        self._partial = self._partial[-LINE_LIMIT * 8 :]
        if whole and whole[0].startswith(b"\x00skip"):
            whole = whole[1:]
        self._lines.extend(clean(line.decode("utf-8", "replace")) for line in whole)
