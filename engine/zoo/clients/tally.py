"""How much of several files has come, told to the parent a few times a second."""

from __future__ import annotations

import time

from engine.zoo.clients.child import emit

_EVERY = 0.1


class Tally:
    """Sums up files of known or unknown sizes; one object a fetch."""

    def __init__(self, sizes: list[int | None]) -> None:
        known = [size for size in sizes if size is not None]
        self._total = sum(known) if len(known) == len(sizes) else None
        self._before = 0
        self._file = ""
        self._last = 0.0

    def begin(self, file: str) -> None:
        """The next file."""
        self._file = file
        self._tell(0, at_once=True)

    def at(self, done: int) -> None:
        """`done` bytes of the file are there."""
        self._tell(done)

    def end(self, size: int) -> None:
        """The file is whole."""
        self._before += size
        self._tell(0, at_once=True)

    def _tell(self, done: int, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._last > _EVERY:
            self._last = now
            emit("progress", file=self._file, done=self._before + done, total=self._total)
