"""Regular expressions of recipes, matched within bounds: one can take longer than anybody waits."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import regex

MOST_SECONDS = 2.0
"""So long one pattern may take for all names of a model; published ones take a millisecond."""

_REPEATS, _CHOICES = re.compile(r"[*+{]"), re.compile(r"[?|]")
_REPEATED_GROUP = re.compile(r"\)[*+{]")
MOST_REPEATS, MOST_CHOICES = 3, 8
_BRACE_OF_TEXT = re.compile(r"(?<!\\)\{(?!\d*,?\d*\})")


class TooSlowError(Exception):
    """A pattern takes too long to match."""


def matched(pattern: str, names: Iterable[str], *, seconds: float = MOST_SECONDS) -> list[str]:
    """The names that a pattern matches from their beginning on, as Python's `re` does.

    Raises `TooSlowError` where that takes longer than `seconds`, and `re.error` for what is no regular expression.
    """
    with warnings.catch_warnings():
        # Python warns on stderr about patterns that may mean something else one day.
        warnings.simplefilter("ignore")
        ordinary = re.compile(pattern)
        if is_quick(pattern):
            return [name for name in names if ordinary.match(name)]
        return _within(_bounded(pattern), list(names), seconds)


def is_quick(pattern: str) -> bool:
    """Whether a pattern has so few repeats, none of a group, that no name takes `re` long."""
    few = len(_REPEATS.findall(pattern)) <= MOST_REPEATS and len(_CHOICES.findall(pattern)) <= MOST_CHOICES
    return few and not _REPEATED_GROUP.search(pattern)


def _bounded(pattern: str) -> Callable[..., Any]:
    # `regex` takes words in braces for approximate matching, `re` for text.
    try:
        return regex.compile(_BRACE_OF_TEXT.sub(r"\\{", pattern)).match
    except regex.error as error:
        raise re.error(str(error)) from None


def _within(match: Callable[..., Any], names: Sequence[str], seconds: float) -> list[str]:
    end = time.monotonic() + seconds
    found: list[str] = []
    for name in names:
        left = end - time.monotonic()
        try:
            if left > 0 and match(name, timeout=left):
                found.append(name)
        except TimeoutError:
            left = 0.0
        if left <= 0:
            raise TooSlowError
    return found
