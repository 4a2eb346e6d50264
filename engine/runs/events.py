"""The events of a run, written by one thread so that training never waits for a disk.

Promises and heartbeats. Every event carries `expect_next_in`: within how many seconds the *training loop* will report
again. A heartbeat, written by the thread when the log was silent, carries what is left of the loop's promise (negative
once it is broken) and `idle`, the seconds since the loop's last report. So heartbeats show that the process lives
without hiding that its loop hangs.
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import plain
from engine.runs.appender import LineAppender
from engine.runs.encoding import EVENT_VERSION, KINDS, Event, line_of, plain_value
from engine.runs.merging import MetricMerger
from engine.runs.reader import last_sequence_number

DEFAULT_PROMISE = 60.0
HEARTBEAT_SECONDS = 2.0
_LONG_SILENCE, _LATE_HEARTBEAT_SECONDS = 60.0, 10.0
_METRICS_PER_SECOND = 10.0
_RETRY_SECONDS = 0.5
_TICK_SECONDS = 0.5
_DURABLE = frozenset(("checkpoint", "eval", "exit"))
# These say where the steps before them end, so the metrics of those steps go first.
_BOUNDARIES = frozenset(("phase", "eval", "checkpoint", "export", "exit"))
_MANY_WAITING = 10_000
_ITEMS_AT_ONCE = 2_000


class _Item(NamedTuple):
    kind: str
    common: Event
    fields: Event
    durable: bool


class _Flush(NamedTuple):
    done: threading.Event


class _Idle(NamedTuple):
    """Nothing came until it was time to look after the rest."""


class EventWriter:
    """Appends events to `path`; an existing log is continued where its sequence ended.

    `on_event` gets every event in order, `on_blocked` the reason why the log cannot be written (None: it can again),
    `on_tick` is called at least every half second; all three run in the writer's thread. Lines the disk refuses are
    kept in memory and retried, so that none is lost; `blocked` then says why.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_event: Callable[[Event], None] | None = None,
        on_blocked: Callable[[str | None], None] | None = None,
        on_tick: Callable[[], None] | None = None,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        metrics_per_second: float = _METRICS_PER_SECOND,
    ) -> None:
        self._path = path
        self._on_event, self._on_blocked, self._on_tick = on_event, on_blocked, on_tick
        self._heartbeat_seconds = heartbeat_seconds
        self._metric_interval = 1 / metrics_per_second
        self._merger = MetricMerger(self._metric_interval)
        self._lines = LineAppender(path)
        self._sequence = last_sequence_number(path) + 1
        self._queue: queue.SimpleQueue[_Item | _Flush | None] = queue.SimpleQueue()
        self._flushes: list[_Flush] = []
        self._promise = DEFAULT_PROMISE
        self._progress = self._last_line = time.monotonic()
        self._deadline = self._progress + self._promise
        self._place: Event = {}
        self._retry_at = 0.0
        self._durable_waits = self._closing = False
        self._said_blocked = False
        self._exited = False  # an exit event is the last word, whatever another thread still says
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    @property
    def blocked(self) -> str | None:
        """Why the log cannot be written at the moment, in the system's words; None where it can."""
        return self._lines.blocked

    @property
    def standing_promise(self) -> float:
        """Seconds within which the loop reports, as promised last."""
        return self._promise

    def emit(
        self,
        kind: str,
        *,
        step: int | None = None,
        epoch: float | None = None,
        expect_next_in: float | None = None,
        durable: bool = False,
        **fields: Any,
    ) -> None:
        """Queue one event and return at once; `expect_next_in` (seconds) replaces the standing promise for this one."""
        if kind not in KINDS:
            raise ValueError(f"unknown kind of event: {kind!r}")
        if self._ended():
            return
        promise = self._promise if expect_next_in is None else expect_next_in
        self._report(promise)
        place = {"step": step, "epoch": epoch}
        common: Event = {"t": time.time(), **{k: plain_value(v) for k, v in place.items() if v is not None}}
        common["expect_next_in"] = plain_value(promise)
        self._queue.put(_Item(kind, common, plain_value(fields), durable or kind in _DURABLE))

    def promise(self, seconds: float | None = None) -> None:
        """From now on the loop reports at least every `seconds` (None: the default), which a heartbeat says at once."""
        self._promise = DEFAULT_PROMISE if seconds is None else seconds
        if not self._ended():
            self._report(self._promise)
            common = {"t": time.time(), "expect_next_in": plain_value(self._promise)}
            self._queue.put(_Item("heartbeat", common, {"idle": 0.0}, False))

    def progress(self) -> None:
        """The loop did something that is no event of its own: its promise counts from now."""
        self._report(self._promise)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything emitted so far is in the file; False where that took longer than `timeout` seconds."""
        if self._ended():
            return self._lines.waiting == 0
        request = _Flush(threading.Event())
        self._queue.put(request)
        return request.done.wait(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Write what waits and stop the thread; False where lines had to be given up after `timeout` seconds."""
        if self._process != os.getpid():
            return True
        self.flush(timeout)
        if not self._closing:
            self._closing = True
            self._queue.put(None)
            self._thread.join(timeout)
            if self._lines.waiting:
                self._say(f"given up: {self._lines.waiting} events were not written to {self._path}")
        self._thread.join(timeout)
        return self._lines.waiting == 0

    def _ended(self) -> bool:
        # A forked worker inherits this object but not its thread: nothing it says belongs to the run.
        return self._closing or self._process != os.getpid()

    def _report(self, promise: float) -> None:
        self._progress = time.monotonic()
        self._deadline = self._progress + promise

    def _run(self) -> None:
        while True:
            item = self._wait()
            ending = self._take_all(item)
            now = time.monotonic()
            if now >= self._merger.due() or self._flushes or ending:
                self._put_metrics(now)
            if now >= self._heartbeat_due():
                self._put_heartbeat(now)
            self._write(now)
            self._call(self._on_tick)
            if ending:
                self._lines.close()
                return

    def _wait(self) -> _Item | _Flush | _Idle | None:
        now = time.monotonic()
        due = min(self._merger.due(), self._heartbeat_due(), now + _TICK_SECONDS)
        if self._lines.waiting or self._flushes:
            due = min(due, self._retry_at)
        try:
            return self._queue.get(timeout=max(0.001, due - now))
        except queue.Empty:
            return _Idle()

    def _take_all(self, item: _Item | _Flush | _Idle | None) -> bool:
        """Handle `item` and what else is queued (a bounded number of them); True at the end of the log."""
        taken = 0
        while item is not None:
            if isinstance(item, _Flush):
                self._flushes.append(item)
            elif isinstance(item, _Item):
                self._handle(item)
            taken += 1
            if taken == _ITEMS_AT_ONCE or self._queue.empty():
                return False
            item = self._queue.get()  # there is one: nobody else takes from the queue
        return True

    def _handle(self, item: _Item) -> None:
        self._place.update({name: item.common[name] for name in ("step", "epoch") if name in item.common})
        if item.kind == "metric":
            self._merger.add(item.common, item.fields)
            return
        if item.kind in _BOUNDARIES:
            self._put_metrics(time.monotonic())
        self._put(item.kind, item.common, item.fields)
        self._durable_waits |= item.durable

    def _put_metrics(self, now: float) -> None:
        # Hours on a full disk must not eat the memory: then fewer, coarser metrics wait, and no other event is touched.
        self._merger.interval = self._metric_interval * (50 if self._lines.waiting > _MANY_WAITING else 1)
        merged = self._merger.take(now)
        if merged:
            common, metrics = merged
            self._put("metric", common, plain_value(metrics))

    def _heartbeat_due(self) -> float:
        if self._lines.blocked or self._exited:
            return math.inf
        silent = self._last_line - self._progress > _LONG_SILENCE
        return self._last_line + (
            max(_LATE_HEARTBEAT_SECONDS, self._heartbeat_seconds) if silent else self._heartbeat_seconds
        )

    def _put_heartbeat(self, now: float) -> None:
        left = plain_value(round(self._deadline - now, 3))
        idle = round(now - self._progress, 3)
        self._put("heartbeat", {"t": time.time(), **self._place, "expect_next_in": left}, {"idle": idle})

    def _put(self, kind: str, common: Event, fields: Event) -> None:
        if self._exited:
            return
        self._exited = kind == "exit"
        event: Event = {"v": EVENT_VERSION, "seq": self._sequence, "t": common["t"], "kind": kind}
        event.update(common)
        event.update((name, value) for name, value in fields.items() if name not in event)
        self._lines.add(line_of(event))
        self._sequence += 1
        self._last_line = time.monotonic()
        self._call(self._on_event, event)

    def _write(self, now: float) -> None:
        if self._lines.blocked and now < self._retry_at and not self._closing:
            return
        written = self._lines.write()
        self._retry_at = now + _RETRY_SECONDS
        self._tell_blocked()
        if not written:
            return
        if self._durable_waits:
            self._lines.sync()
            self._durable_waits = False
        for request in self._flushes:
            request.done.set()
        self._flushes.clear()

    def _tell_blocked(self) -> None:
        reason = self._lines.blocked
        if (reason is not None) == self._said_blocked:
            return
        self._said_blocked = reason is not None
        if reason:
            self._say(f"cannot write {self._path}: {reason}; events are kept in memory and retried")
        else:
            self._say(f"{self._path} is written again; no event was lost")
        self._call(self._on_blocked, reason)

    def _call(self, callback: Callable[..., None] | None, *arguments: Any) -> None:
        """A listener that fails must not end the log."""
        try:
            if callback:
                callback(*arguments)
        except Exception as error:
            self._say(f"{type(error).__name__} in a listener of the events: {error}")

    @staticmethod
    def _say(text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(f"warning: {plain(text)}", file=sys.stderr, flush=True)
