"""One thread that reads a run directory and posts what it finds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from textual.message import Message

from engine.errors import plain
from engine.runs.evidence import Assessment, examine
from engine.runs.paths import RunDirectory
from engine.runs.reader import EventReader
from sqa_tui.messages import WatcherFailed
from sqa_tui.run_view import RunView
from sqa_tui.watchers.log_tail import LogTail
from sqa_tui.watchers.messages import EventsRead, LogRead, PlanDrawn, RunAssessed
from sqa_tui.watchers.plan import draw_plan
from sqa_tui.watchers.reducer import RunReducer

POLL_SECONDS = 0.25
"""Between two looks at the events of a shown run."""
SLOW_SECONDS = 1.0
"""Between two looks at its evidence and its console log."""
CHUNK = 5000
"""Events taken at once: between chunks the screen gets its turn, so that a million events do not freeze it."""
REPORT_SECONDS = 0.2
"""Between two reports while a long log is read for the first time."""

Post = Callable[[Message], object]


class RunWatcher:
    """Follows one run until it is stopped. `post` is called in the watcher's thread and must be safe there."""

    def __init__(self, run: Path, post: Post) -> None:
        self._directory = RunDirectory(run)
        self._post = post
        self._reader = EventReader(self._directory.events_file)
        self._reducer = RunReducer()
        self._restarts = 0
        self._planned: tuple[float | None, int | None] = (None, None)
        self._log = LogTail(self._directory.console_file)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"watch {self._directory.id}", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """End the thread; True once it has ended."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _follow(self) -> None:
        slow_at = 0.0
        first = True
        while not self._stopping.is_set():
            if time.monotonic() >= slow_at:
                self._guarded("its state", self._assess)
                self._guarded("its console log", self._read_log)
                slow_at = time.monotonic() + SLOW_SECONDS
            self._guarded("its events", self._read_first if first else self._read_events)
            first = False
            self._stopping.wait(POLL_SECONDS)

    def _guarded(self, what: str, look: Callable[[], None]) -> None:
        try:
            look()
        except Exception as error:  # whatever a foreign folder holds, the watcher goes on and says so
            reason = plain(f"{type(error).__name__}: {error}", 200)
            self._send(WatcherFailed(f"{self._directory.id}: {what}", reason))

    def _read_first(self) -> None:
        self._read_events()
        self._report()

    def _read_events(self) -> None:
        """Take in what is there; a long log is reported several times on the way."""
        reported = time.monotonic()
        changed = False
        while not self._stopping.is_set():
            took = self._take_chunk()
            changed |= took
            if not took:
                break
            if time.monotonic() - reported > REPORT_SECONDS:
                self._report()
                reported, changed = time.monotonic(), False
        if changed:
            self._report()

    def _take_chunk(self) -> bool:
        """Take in the next events; True if there were any, or if the log began again."""
        damaged = self._reader.bad_lines
        events = self._reader.read(CHUNK)
        again = self._reader.restarts != self._restarts
        if again:
            # The log was truncated or replaced: what was known of the old one is no longer true.
            self._restarts, self._reducer = self._reader.restarts, RunReducer()
        self._reducer.take(events)
        return bool(events) or again or self._reader.bad_lines != damaged

    def _report(self) -> None:
        reader = self._reader
        view = self._reducer.view(bad_lines=reader.bad_lines, gaps=reader.gaps, unread=reader.behind)
        self._send(EventsRead(self._directory.path, view))
        length = (view.steps_per_epoch, view.total_steps)
        if length != self._planned and all(length):
            self._planned = length
            self._guarded("its recipe", lambda: self._plan(view))

    def _plan(self, view: RunView) -> None:
        self._send(PlanDrawn(self._directory.path, draw_plan(self._directory, view)))

    def _assess(self) -> None:
        assessment, state = examine(self._directory)
        if not self._directory.path.is_dir():
            gone = f"the run's directory went away: {plain(str(self._directory.path))}"
            assessment = Assessment("unknown", gone)
        self._send(RunAssessed(self._directory.path, assessment, state))

    def _read_log(self) -> None:
        if self._log.poll():
            self._send(LogRead(self._directory.path, self._log.lines()))

    def _send(self, message: Message) -> None:
        if not self._stopping.is_set():
            self._post(message)
