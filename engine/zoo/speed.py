"""From counts of bytes to progress: speed over the last seconds and the time that is left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from engine.zoo.source import OnProgress, Progress

_WINDOW = 5.0
_SHORTEST = 0.5
"""Of less time no speed can be told: the first files are small."""


class Speedometer:
    """Turns a client's events into `Progress`; what was there before the download began is no speed.

    Args:
        name: What is fetched.
        source: From where.
        on_progress: Gets every `Progress`.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, name: str, source: str, on_progress: OnProgress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name, self._source, self._on_progress, self._clock = name, source, on_progress, clock
        self._points: deque[tuple[float, int]] = deque()
        on_progress(Progress(name=name, source=source))

    def take(self, event: Mapping[str, Any]) -> None:
        """One ``progress`` event: ``file``, ``done`` and ``total`` in bytes."""
        now, done, total = self._clock(), int(event["done"]), event["total"]
        if self._points and done < self._points[-1][1]:
            self._points.clear()
        self._points.append((now, done))
        while now - self._points[0][0] > _WINDOW and len(self._points) > 2:
            self._points.popleft()
        speed = self._speed()
        self._on_progress(
            Progress(
                name=self._name,
                source=self._source,
                phase="downloading",
                file=event["file"],
                done=done,
                total=total,
                speed=speed,
                eta=(total - done) / speed if total is not None and speed > 0 else None,
            )
        )

    def _speed(self) -> float:
        (begin, before), (end, done) = self._points[0], self._points[-1]
        return (done - before) / (end - begin) if end - begin > _SHORTEST else 0.0
