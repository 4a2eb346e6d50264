"""The real program in a pseudo-terminal: the bytes it writes, and what a person would see of them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence

import pyte

SYNCHRONISED_QUERY = b"\x1b[?2026$p"
SYNCHRONISED_ANSWER = b"\x1b[?2026;2$y"
"""Most terminals know synchronised output; an app that is told so writes a few bytes more an update."""
PATIENCE = 60.0
"""Seconds after which a test gives up waiting; nothing is measured by it."""


class Terminal:
    """A program in a terminal of its own, in a session of its own."""

    def __init__(
        self, command: Sequence[str], *, columns: int, rows: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self.output = bytearray()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            _become(command, columns, rows, dict(environment or os.environ))
        self._status: int | None = None
        _set_size(self._master, columns, rows)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.wait()
        self.hang_up()

    # reading

    def read(self, seconds: float) -> int:
        """Read for some seconds; returns how many bytes came."""
        before, end = len(self.output), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self._read_once(left):
            pass
        return len(self.output) - before

    def settle(self, quiet: float = 0.6) -> int:
        """Read until nothing came for `quiet` seconds; returns how many bytes came."""
        before, end = len(self.output), time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.read(quiet) == 0:
                return len(self.output) - before
        raise AssertionError("the program never stops writing")

    def read_until(self, words: str) -> None:
        """Read until `words` are on the screen."""
        end = time.monotonic() + PATIENCE
        while words not in self.text:
            if time.monotonic() > end or not self._read_once(0.5, idle=True):
                raise AssertionError(f"{words!r} never came:\n{self.text}")

    @property
    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(self._screen.display)

    def press(self, keys: str) -> None:
        """Type `keys`."""
        os.write(self._master, keys.encode())

    # the program

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def poll(self) -> int | None:
        """Exit code (negative: signal) once the program has ended."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status

    def wait(self) -> int:
        """Wait for the end of the program; returns its exit code."""
        end = time.monotonic() + PATIENCE
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise AssertionError("the program does not end")
            if self._master >= 0:
                self._read_once(0.05, idle=True)
            else:
                time.sleep(0.02)
        return status

    def _read_once(self, timeout: float, *, idle: bool = False) -> bool:
        """Read what is there within `timeout`; False at the end of the output (or, unless `idle`, of the time)."""
        ready, _, _ = select.select([self._master], [], [], timeout)
        if not ready:
            return idle
        try:
            block = os.read(self._master, 1 << 16)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        self.output += block
        self._stream.feed(block)
        if SYNCHRONISED_QUERY in block:
            os.write(self._master, SYNCHRONISED_ANSWER)
        return bool(block)


def _become(command: Sequence[str], columns: int, rows: int, environment: dict[str, str]) -> None:
    """In the child: run the program with a plain modern terminal."""
    try:
        _set_size(0, columns, rows)
        for name in ("NO_COLOR", "TEXTUAL_THEME", "COLUMNS", "LINES"):
            environment.pop(name, None)
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execvpe(command[0], list(command), environment)
    finally:
        os._exit(127)


def _set_size(descriptor: int, columns: int, rows: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
