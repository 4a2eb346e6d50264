"""Fields of events, whatever a foreign or damaged log holds in them."""

from __future__ import annotations

import math
from typing import Any, cast

from engine.errors import plain

Event = dict[str, Any]

_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def number(value: object) -> float | None:
    """A number of an event; NaN and infinities are written as words."""
    if type(value) is float:
        return value
    if isinstance(value, str):
        return _WORDS.get(value)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def finite(value: object) -> float | None:
    """As `number`, None for what is not finite."""
    known = number(value)
    return known if known is not None and math.isfinite(known) else None


def whole(value: object) -> int | None:
    """A whole number of an event."""
    known = finite(value)
    return None if known is None else int(known)


def text(value: object, limit: int = 500) -> str:
    """A text of an event, safe for a terminal; empty where there is none."""
    return plain(value, limit) if isinstance(value, str) else ""


def mapping(value: object) -> Event:
    """An object inside an event; empty where there is none."""
    return cast("Event", value) if isinstance(value, dict) else {}


def sequence(value: object) -> list[object]:
    """A list inside an event; empty where there is none."""
    return cast("list[object]", value) if isinstance(value, list) else []
