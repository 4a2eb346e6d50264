"""What may be meant by a name that a model does not have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from engine.sparsify.patterns import TooSlowError, matched

_NEAR = 0.7
_LONGEST, _MOST = 200, 3000
_SECONDS = 0.2


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest of a model's names as a question, or nothing where none is near."""
    names = list(known)[:_MOST]
    if len(name) > _LONGEST:
        return ""
    if f"{name}.weight" in names:
        return f"did you mean '{name}.weight'?"
    if _is_pattern_of(name, names):
        return f"did you mean 're:{name}'?"
    near = get_close_matches(name, names, n=1, cutoff=_NEAR)
    return f"did you mean '{near[0]}'?" if near else ""


def _is_pattern_of(name: str, names: list[str]) -> bool:
    try:
        return any(sign in name for sign in "*+[(|") and bool(matched(name, names, seconds=_SECONDS))
    except (re.error, TooSlowError, OverflowError, RecursionError):
        return False
