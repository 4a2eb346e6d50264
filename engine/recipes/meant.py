"""What may be meant by a value that is no number: a percentage, a comma, an expression not all in ``eval( )``."""

from __future__ import annotations

import re
from typing import Any

CALL = "eval("
_MOST_SHOWN = 60
_PERCENT = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*%\s*\Z")
_COMMA = re.compile(r"\s*([0-9]{1,9}),([0-9]{1,9})\s*\Z")
_GLUED = re.compile(r"([A-Za-z_]\w*):\S")


def share(percent: float) -> float:
    """The part of one that a percentage is."""
    return float(f"{percent / 100:.12g}")


def meant_number(value: Any) -> float | None:
    """The number meant by ``90%`` or ``0,9``; None for anything else."""
    if not isinstance(value, str):
        return None
    percent, comma = _PERCENT.match(value), _COMMA.match(value)
    if percent:
        return share(float(percent[1]))
    return float(f"{comma[1]}.{comma[2]}") if comma else None


def call_advice(value: Any) -> str:
    """What is wrong with text that was meant as an expression but is none; nothing for other values."""
    if not isinstance(value, str) or CALL not in value:
        return ""
    missing = value.count("(") - value.count(")")
    if missing > 0:
        return f"a bracket is missing{_as_in(value + ')' * missing)}"
    return f"put it all inside eval( ){_as_in(CALL + value.replace(CALL, '(') + ')')}"


def _as_in(text: str) -> str:
    return f": {text}" if len(text) <= _MOST_SHOWN and text.isprintable() else ""


def glued_name(text: Any) -> str:
    """The name in ``name:value``, where a space after the colon is missing; nothing for other values."""
    found = _GLUED.match(text) if isinstance(text, str) else None
    return found[1] if found else ""
