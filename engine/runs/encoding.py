"""Events as bytes: plain values only, and the non-finite numbers, which JSON lacks, as words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

EVENT_VERSION = 1
KINDS = frozenset(
    ("start", "phase", "metric", "layer", "eval", "checkpoint", "export", "alert", "heartbeat", "control", "exit")
)

Event = dict[str, Any]

_BIGGEST = 1 << 63


def plain_value(value: Any) -> Any:
    """`value` as JSON can hold it: NaN and infinities as "nan", "inf", "-inf", scalars of array libraries as numbers.

    What has no plain form becomes its `str`: a strange value must not stop a training.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # A file name may hold bytes that are no text (lone surrogates), which JSON refuses.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return int(value) if -_BIGGEST <= value < _BIGGEST else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else word_of(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {str(key): plain_value(item) for key, item in items}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_value(item) for item in cast("Iterable[Any]", value)]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    try:
        item = value.item()
    except Exception:
        return str(value)
    return plain_value(item) if isinstance(item, (int, float, bool, str)) else str(value)


def word_of(number: float) -> str:
    """The word that stands for a number that is not finite."""
    if math.isnan(number):
        return "nan"
    return "inf" if number > 0 else "-inf"


def number_of(value: Any) -> float | None:
    """The number an event's field means, the words for non-finite ones included; None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    return float(value) if value in ("nan", "inf", "-inf") else None


def line_of(event: Event) -> bytes:
    """One event as one line. `event` holds plain values only."""
    return msgspec.json.encode(event) + b"\n"
