"""Several steps' metrics as one event, so that a fast training does not write a thousand lines a second."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from engine.runs.encoding import Event, number_of


@dataclass
class _Series:
    """The values one field had in the merged steps."""

    values: list[float] = field(default_factory=list[float])

    def into(self, name: str, event: Event) -> None:
        finite = [value for value in self.values if math.isfinite(value)]
        odd = [value for value in self.values if not math.isfinite(value)]
        # One NaN among ten steps is what a person must see; the mean would hide which value it was.
        event[name] = odd[-1] if odd else sum(finite) / len(finite)
        if finite and (odd or min(finite) != max(finite)):
            event[f"{name}_min"], event[f"{name}_max"] = min(finite), max(finite)


class MetricMerger:
    """Lets one metric event through every `interval` seconds and merges those between.

    The merged event has the last step's common fields; numbers are means with `<name>_min` and `<name>_max` beside them
    (over the finite values; absent where all are equal), other values are the last ones. Times are monotonic seconds.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._last_out = -math.inf
        self._count = 0
        self._common: Event = {}
        self._series: dict[str, _Series] = {}
        self._others: dict[str, Any] = {}

    def add(self, event: Event, fields: Event) -> None:
        """Merge one step: `event` holds the common fields, `fields` the metrics."""
        self._common.update(event)
        self._count += 1
        for name, value in fields.items():
            number = number_of(value)
            if number is None:
                self._others[name] = value
            else:
                self._series.setdefault(name, _Series()).values.append(number)

    def due(self) -> float:
        """When the merged event should go out; infinity where nothing waits."""
        return self._last_out + self.interval if self._count else math.inf

    def take(self, now: float) -> tuple[Event, Event] | None:
        """The merged (common fields, metrics) and start anew; None where nothing waits."""
        if not self._count:
            return None
        metrics: Event = dict(self._others)
        for name, series in self._series.items():
            series.into(name, metrics)
        common = self._common
        self._common, self._series, self._others, self._count = {}, {}, {}, 0
        self._last_out = now
        return common, metrics
