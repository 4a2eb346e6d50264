"""Reads every run on disk again and again, and says when something is different."""

from __future__ import annotations

import threading
from collections.abc import Callable

from textual.message_pump import MessagePump

from engine.errors import plain
from engine.runs.listing import RunSummary, list_runs
from sqa_tui.messages import RunsListed, WatcherFailed


class RunListWatcher(threading.Thread):
    """Posts `RunsListed` to `target`: at once, then whenever a look every `poll_seconds` finds a difference."""

    def __init__(
        self, target: MessagePump, poll_seconds: float, read: Callable[[], list[RunSummary]] = list_runs
    ) -> None:
        super().__init__(name="run list", daemon=True)
        self._target = target
        self._poll_seconds = poll_seconds
        self._read = read
        self._ended = threading.Event()
        self._woken = threading.Event()
        self._active = True
        self._last: tuple[RunSummary, ...] | None = None

    def run(self) -> None:
        while not self._ended.is_set():
            if self._active:
                self._look()
            self._woken.wait(self._poll_seconds if self._active else None)
            self._woken.clear()

    def _look(self) -> None:
        try:
            runs = tuple(self._read())
        except Exception as error:  # a folder that went away must not end the watch
            self._target.post_message(WatcherFailed("runs", plain(str(error) or type(error).__name__)))
            return
        if runs != self._last:
            self._last = runs
            self._target.post_message(RunsListed(runs))

    def wake(self) -> None:
        """Look now, and go on looking."""
        self._active = True
        self._woken.set()

    def rest(self) -> None:
        """Stop looking until woken: nobody sees the list."""
        self._active = False

    def end(self) -> None:
        """Let the thread finish."""
        self._ended.set()
        self._woken.set()
