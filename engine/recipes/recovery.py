"""Reading text that is no YAML here and there: what is broken is said and left out, the rest is read.

So a slip in one line does not hide what is wrong in the others. Lines keep their numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from engine.recipes.broken import BrokenError, readable, unreadable, with_line_breaks
from engine.recipes.nodes import Node
from engine.recipes.problems import Problem
from engine.recipes.tree import parse

MOST_SLIPS = 10
"""So many broken places are left out before the rest is given up."""

MOST_READ = 600_000
"""So many characters are read in all, so that long texts with many slips take no longer than others."""


@dataclass
class Tree:
    """What could be read (None: nothing), what is broken, and the words of the lines that were left out."""

    root: Node | None = None
    problems: list[Problem] = field(default_factory=list[Problem])
    unread: set[str] = field(default_factory=set[str])


def read_tree(text: str, name: str) -> Tree:
    """The tree of a YAML text as far as it can be read."""
    tree = Tree()
    text = with_line_breaks(text)
    for line, column, character in islice(unreadable(text), MOST_SLIPS):
        tree.problems.append(Problem(name, line, column, f"the character {character} cannot stand in YAML", length=1))
    lines = readable(text).split("\n")
    for _ in range(max(1, min(MOST_SLIPS, MOST_READ // (len(text) + 1)))):
        try:
            tree.root = parse("\n".join(lines))
            return tree
        except BrokenError as slip:
            if slip.about not in tree.unread:
                tree.problems.append(_problem(name, slip, lines))
            if slip.final or not _leave_out(tree, lines, slip.line - 1):
                return tree
    return tree


def _problem(name: str, slip: BrokenError, lines: list[str]) -> Problem:
    """A slip as a problem that marks the rest of its line."""
    rest = lines[slip.line - 1][slip.column - 1 :].rstrip() if 0 < slip.line <= len(lines) else ""
    return Problem(name, slip.line, slip.column, slip.message, slip.suggestion, len(rest))


def _leave_out(tree: Tree, lines: list[str], number: int) -> bool:
    """Blank a line, and where it opens a block or an item that block; False where nothing is left to blank there."""
    if number >= len(lines) or not lines[number].strip():
        return False
    indent = _indent(lines[number])
    opens = lines[number].lstrip().startswith("- ") or lines[number].rstrip().endswith(":")
    end = number + 1
    while opens and end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > indent):
        end += 1
    for place in range(number, end):
        tree.unread.update(re.findall(r"\w+", lines[place]))
        lines[place] = ""
    return True


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
