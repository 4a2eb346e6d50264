"""Reading the events of a run while its engine writes them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine.runs.encoding import EVENT_VERSION, KINDS, Event

__all__ = ["BadLine", "Event", "EventReader", "last_events", "last_sequence_number"]

_BLOCK = 1 << 20
_SMALL_BLOCK = 1 << 16
_USUAL_LINE = 256
_REMEMBERED = 64
_BAD_LINES_KEPT = 20
_decoder = msgspec.json.Decoder(dict[str, Any])


class BadLine(NamedTuple):
    """A line that is no event: byte offset of the line in the file and how it begins."""

    position: int
    text: str


class EventReader:
    """Reads the events of `path` from the first on, each once, as they come.

    A line counts once its newline is there; one that is no event is counted in `bad_lines` (the newest are in `damage`)
    and skipped. `gaps` counts the sequence numbers that are missing, `skipped` the events of an unknown kind or a later
    version. Where the file was truncated or replaced, `restarts` grows and reading begins again at its first event:
    whoever keeps a picture of the run clears it then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.restarts = 0
        self.behind = 0
        self._clear()
        self._inode = (0, 0)

    def _clear(self) -> None:
        self.position = self.bad_lines = self.gaps = self.skipped = 0
        self.damage: list[BadLine] = []
        self._expected: int | None = None
        self._before = b""

    def read(self, limit: int | None = None) -> list[Event]:
        """Events since the last call, at most about `limit`; afterwards `behind` is the number of bytes not yet read.

        A missing file is an empty one. Raises OSError where it cannot be read.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            size = self._look(descriptor)
            events = self._read_blocks(descriptor, size, limit)
            self.behind = max(0, size - self.position)
            return events
        finally:
            os.close(descriptor)

    def _look(self, descriptor: int) -> int:
        status = os.fstat(descriptor)
        inode = (status.st_dev, status.st_ino)
        if self.position and (inode != self._inode or not self._continues(descriptor)):
            self.restarts += 1
            self._clear()
        self._inode = inode
        return status.st_size

    def _continues(self, descriptor: int) -> bool:
        """Whether the bytes before the position are still those read: inodes are used again, and files grow again."""
        start = self.position - len(self._before)
        return os.pread(descriptor, len(self._before), start) == self._before

    def _read_blocks(self, descriptor: int, size: int, limit: int | None) -> list[Event]:
        events: list[Event] = []
        usual = _BLOCK if limit is None else min(_BLOCK, max(_SMALL_BLOCK, limit * _USUAL_LINE))
        length = usual
        while self.position < size and (limit is None or len(events) < limit):
            block = os.pread(descriptor, min(length, size - self.position), self.position)
            end = block.rfind(b"\n") + 1
            if not end:
                if len(block) < length or not block:
                    break
                length *= 2  # a line longer than a block
                continue
            self._take_lines(block[:end], events, None if limit is None else limit - len(events))
            length = usual
        return events

    def _take_lines(self, block: bytes, events: list[Event], limit: int | None) -> None:
        lines = block.splitlines(keepends=True) if b"\r" not in block else _split(block)
        if limit is not None and len(lines) > limit:
            lines = lines[:limit]
            block = b"".join(lines)
        try:
            decoded: list[Any] = _decoder.decode_lines(block)
        except (msgspec.DecodeError, UnicodeDecodeError):
            decoded = []
        if len(decoded) == len(lines):
            self._take_good(lines, decoded, events)
        else:
            self._take_each(lines, events)
        self._before = block[-_REMEMBERED:]

    def _take_good(self, lines: list[bytes], decoded: list[Event], events: list[Event]) -> None:
        for line, event in zip(lines, decoded, strict=True):
            self._take(line, event, events)

    def _take_each(self, lines: list[bytes], events: list[Event]) -> None:
        for line in lines:
            self._take(line, _decode(line), events)

    def _take(self, line: bytes, event: Event | None, events: list[Event]) -> None:
        if event is None or not _is_event(event):
            self._note_damage(line)
            # Zero bytes are what a crash of the machine leaves; an event may follow them on the same line.
            event = _decode(line.replace(b"\0", b"")) if b"\0" in line else None
        if event is not None and _is_event(event):
            self._count(event["seq"])
            if event["v"] > EVENT_VERSION or event["kind"] not in KINDS:
                self.skipped += 1
            else:
                events.append(event)
        self.position += len(line)

    def _note_damage(self, line: bytes) -> None:
        if not line.strip():
            return
        self.bad_lines += 1
        self.damage.append(BadLine(self.position, line[:80].decode(errors="replace")))
        del self.damage[:-_BAD_LINES_KEPT]

    def _count(self, sequence: int) -> None:
        expected = 0 if self._expected is None else self._expected
        if sequence > expected:
            self.gaps += sequence - expected
        self._expected = sequence + 1


def _split(block: bytes) -> list[bytes]:
    return [line + b"\n" for line in block.split(b"\n")[:-1]]


def _decode(line: bytes) -> Event | None:
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _is_event(event: Event) -> bool:
    return type(event.get("seq")) is int and type(event.get("v")) is int and type(event.get("kind")) is str


def last_events(path: Path, size: int = 1 << 16) -> list[Event]:
    """The good events within the last `size` bytes of the log, oldest first; empty where there is no log."""
    block, start = _tail(path, size)
    return _good_events(block.split(b"\n")[(1 if start else 0) : -1])


def _good_events(lines: list[bytes]) -> list[Event]:
    events = [_decode(line.lstrip(b"\0")) for line in lines]
    return [event for event in events if event is not None and _is_event(event)]


def _tail(path: Path, size: int) -> tuple[bytes, int]:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            start = max(0, os.fstat(descriptor).st_size - size)
            return os.pread(descriptor, size, start), start
        finally:
            os.close(descriptor)
    return b"", 0


def last_sequence_number(path: Path) -> int:
    """Sequence number of the last good event, however far back it is; -1 in an empty or missing log.

    An event counts also where only its newline is missing: a writer adds that before it goes on.
    """
    size = 1 << 14
    while True:
        block, start = _tail(path, size)
        events = _good_events(block.split(b"\n")[(1 if start else 0) :])
        if events or not start:
            return events[-1]["seq"] if events else -1
        size *= 4
