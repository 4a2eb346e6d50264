"""Which parts of a recipe's line are what, for colours: a few expressions in place of a YAML grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator

COLOURS = {
    "comment": "muted",
    "tag": "chart-4",
    "key": "chart-1",
    "anchor": "chart-6",
    "expression": "chart-2",
}
"""Theme variables by the kind of a part."""

_PARTS = re.compile(
    r"""
    (?P<comment>(?:^|(?<=\s))\#.*)
  | (?P<quoted>"(?:\\.|[^"\\])*"|'[^']*')
  | (?P<tag>(?<![^\s\[,])![\w.]+)
  | (?P<anchor>(?<![^\s\[,])[&*][\w.-]+)
  | (?P<expression>\beval\([^#]*\))
  | (?P<key>(?<![^\s{,])[\w.-]+(?=:(?:\s|$)))
    """,
    re.VERBOSE,
)

LONGEST = 2000
"""Longer lines are left as they are."""


def parts(line: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of every part of a line that has a colour."""
    if len(line) > LONGEST:
        return
    for found in _PARTS.finditer(line):
        kind = found.lastgroup or ""
        if kind in COLOURS:
            yield found.start(), found.end(), kind
