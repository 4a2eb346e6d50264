"""The lines that may be at fault where text stops being YAML, and what the look of a line tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.recipes.broken import BrokenError

_ENDS = {"[": "]", "{": "}", '"': '"', "'": "'"}
_FURTHEST = 200
"""So many lines before the place where the parser stopped are looked at."""
_MOST_OUTER = 4


def suspects(lines: Sequence[str], slip: BrokenError) -> list[int]:
    """The numbers of lines that may be at fault, from 0 on, the likeliest first.

    Where the parser stopped and where that begins which it was reading, the lines before those, the headings above
    and the item before, and the nearest quotes that do not end in their line.
    """
    here, seen = min(slip.line, len(lines)) - 1, min(max(slip.seen, slip.line), len(lines)) - 1
    quoted = (number for number in _back(lines, seen + 1) if unclosed(lines[number], "\"'"))
    found = [here, *_before(lines, here), slip.began - 1, seen, *_before(lines, seen), *_outer(lines, seen)]
    found += [*_beside(lines, seen), next(quoted, -1)]
    return [number for number in dict.fromkeys(found) if 0 <= number < len(lines) and holds_text(lines[number])]


def _back(lines: Sequence[str], number: int) -> Iterator[int]:
    """The lines before a line that hold text, backwards."""
    return (place for place in range(number - 1, max(-1, number - _FURTHEST), -1) if _begins(lines[place]))


def _begins(line: str) -> bool:
    """Whether a line holds more than the end of what began before."""
    return holds_text(line) and line.lstrip()[0] not in "]}"


def _before(lines: Sequence[str], number: int) -> list[int]:
    return [next(_back(lines, number), -1)]


def _outer(lines: Sequence[str], number: int) -> list[int]:
    """What is open before a line: the lines above it, each less deep than the one below it or the name of its list."""
    found: list[int] = []
    least = 1000
    for place in _back(lines, number):
        names = bool(found) and is_item(lines[found[-1]]) and not is_item(lines[place])
        if indent(lines[place]) < least + names and len(found) < _MOST_OUTER:
            least = indent(lines[place])
            found.append(place)
    return found


def _beside(lines: Sequence[str], number: int) -> list[int]:
    """The nearest line before that is as deep."""
    return [next((place for place in _back(lines, number) if indent(lines[place]) == indent(lines[number])), -1)]


def holds_text(line: str) -> bool:
    """Whether a line is neither empty nor a comment."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def is_item(line: str) -> bool:
    """Whether a line begins a member of a list."""
    return line.lstrip().startswith("- ")


def indent(line: str) -> int:
    """How many blanks and tabs a line begins with."""
    return len(line) - len(line.lstrip(" \t"))


def opens(lines: Sequence[str], number: int) -> bool:
    """Whether what comes after a line belongs to it: it is deeper, or a list below a name."""
    after = next((line for line in lines[number + 1 :] if holds_text(line)), "")
    depth = indent(lines[number])
    listed = is_item(after) and not is_item(lines[number])
    return bool(after) and (indent(after) > depth or (listed and indent(after) == depth))


def block_end(lines: Sequence[str], number: int) -> int:
    """The first line after a line that is not deeper than it."""
    end = number + 1
    while end < len(lines) and (not holds_text(lines[end]) or indent(lines[end]) > indent(lines[number])):
        end += 1
    return end


def unclosed(line: str, kinds: str = "[{\"'") -> list[tuple[int, str]]:
    """Where brackets and quotes begin that do not end in the line, the outermost first."""
    pending: list[tuple[int, str]] = []
    for column, character in enumerate(line):
        quoted = bool(pending) and pending[-1][1] in "\"'"
        if quoted and character != pending[-1][1]:
            continue
        if character == "#" and (column == 0 or line[column - 1] in " \t"):
            break
        if pending and character == _ENDS[pending[-1][1]]:
            pending.pop()
        elif character in _ENDS and (column == 0 or line[column - 1] in " \t[{,:"):
            pending.append((column, character))
    return [one for one in pending if one[1] in kinds]
