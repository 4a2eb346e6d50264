"""Reading text that is no YAML here and there: what is broken is said, and mended or left out; the rest is read.

So a slip in one line does not hide what is wrong in the others. Lines keep their numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import islice

from engine.recipes.broken import BROKEN, BrokenError, readable, unreadable, with_line_breaks
from engine.recipes.nodes import Node
from engine.recipes.problems import Problem
from engine.recipes.remedies import Remedy, remedies
from engine.recipes.tree import first_slip, parse

MOST_SLIPS = 10
"""So many broken places are left out before the rest is given up."""

MOST_READ = 600_000
"""So many characters are read in all, and as many again to find what mends slips, so that long texts with many of
them take no longer than others."""

NEAR = 40
"""So many lines after those that may be at fault show whether a slip is mended."""

_TOP = re.compile(r"[A-Za-z_][\w.-]*:(\s|\Z)")


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
    if len(tree.problems) == MOST_SLIPS:
        return tree
    lines = readable(text).split("\n")
    effort = _Effort(MOST_READ)
    for _ in range(max(1, min(MOST_SLIPS, MOST_READ // (len(text) + 1)))):
        try:
            tree.root = parse("\n".join(lines))
            if tree.problems:
                _put_back(tree.root, readable(text).split("\n"), lines)
            return tree
        except BrokenError as slip:
            remedy = None if slip.final else _remedy(lines, slip, effort)
            if slip.about not in tree.unread:
                _say(tree, name, remedy, slip, lines)
            if remedy is None:
                return tree
            _apply(tree, lines, remedy)
    return tree


def _put_back(root: Node, written: list[str], lines: list[str]) -> None:
    """Places in lines that were mended are those of the lines as they are written."""
    pending, seen = [root], {id(root)}
    while pending:
        node = pending.pop()
        place = node.line - 1
        # A value that is not there may stand behind the last line.
        if place < min(len(written), len(lines)) and (line := written[place]) != lines[place]:
            node.column, node.length = min(node.column, len(line)), 0
        members = [*node.members(), *(part for pair in node.pairs() for part in pair)]
        pending += [member for member in members if id(member) not in seen]
        seen.update(map(id, members))


@dataclass
class _Effort:
    """How many characters may still be read to see what mends a slip."""

    left: int


def _say(tree: Tree, name: str, remedy: Remedy | None, slip: BrokenError, lines: list[str]) -> None:
    """Note a slip as a problem that marks the rest of its line; one for a line is enough."""
    problem = Problem(name, slip.line, slip.column, slip.message, slip.suggestion)
    if remedy is not None and slip.seen:
        problem = Problem(name, remedy.line, remedy.column, BROKEN + remedy.message, remedy.suggestion)
    if problem.line in {said.line for said in tree.problems if said.message.startswith(BROKEN)}:
        return
    rest = lines[problem.line - 1][problem.column - 1 :].rstrip() if 0 < problem.line <= len(lines) else ""
    tree.problems.append(replace(problem, length=len(rest)))


def _remedy(lines: list[str], slip: BrokenError, effort: _Effort) -> Remedy | None:
    """What lets most of the text be read: of remedies that are alike the first one; None where there is none."""
    offered = list(remedies(lines, slip))
    left_out = [one for one in offered if one.lost and one.line == slip.line]
    around = _around(lines, offered)
    if not slip.seen or effort.left < len(offered) * _size(around):
        return next(reversed(left_out), None)
    best, furthest = None, -1
    for remedy in offered:
        if remedy.lost > 1 and _hides(around, remedy, slip, furthest):
            continue
        reached = _reach(around, remedy, effort)
        if reached > furthest and (reached != slip.line or remedy in left_out):
            best, furthest = remedy, reached
        if furthest > len(lines):
            break
    return best


def _hides(lines: list[str], remedy: Remedy, slip: BrokenError, furthest: int) -> bool:
    """Whether a block would be left out only because of another slip in it, some lines further down."""
    after = next((number for number in range(slip.seen, len(lines)) if lines[number].strip()), len(lines)) + 1
    return furthest > after and furthest - 1 in remedy.lines


def _around(lines: list[str], offered: list[Remedy]) -> list[str]:
    """The lines with all blanked that is far from those at fault, up to keys of the whole recipe."""
    first = min((remedy.line - 1 for remedy in offered), default=0)
    last = max((max(remedy.lines) for remedy in offered), default=0) + NEAR
    keys = [number for number, line in enumerate(lines) if _TOP.match(line)]
    begin = ([0, 0] + [number for number in keys if number < first])[-2]
    end = min((number for number in keys if number > last), default=len(lines))
    return [line if begin <= number < end else "" for number, line in enumerate(lines)]


def _size(lines: list[str]) -> int:
    return sum(map(len, lines)) + len(lines)


def _reach(lines: list[str], remedy: Remedy, effort: _Effort) -> int:
    """The line of the next slip; one after the last where there is none."""
    effort.left -= _size(lines)
    slip = first_slip("\n".join(_mended(lines, remedy)))
    return len(lines) + 1 if slip is None else slip.line


def _mended(lines: list[str], remedy: Remedy) -> list[str]:
    return [remedy.lines.get(number, line) for number, line in enumerate(lines)]


def _apply(tree: Tree, lines: list[str], remedy: Remedy) -> None:
    """Mend the text; what may be meant otherwise counts as unread."""
    for number, line in remedy.lines.items():
        tree.unread.update(re.findall(r"\w+", lines[number]))
        lines[number] = line if remedy.kept else ""
