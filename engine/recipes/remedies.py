"""What could mend a place where text stops being YAML: the line that may be at fault and what stands there instead.

A parser says where it could not go on, which is often some lines after the slip. So remedies are offered for several
lines, those of `engine.recipes.suspects`; which one is right shows when they are tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.recipes.broken import BROKEN, BrokenError
from engine.recipes.suspects import block_end, holds_text, indent, is_item, opens, suspects, unclosed

_NAME = r"[A-Za-z_][\w.]*"
_GLUED = re.compile(rf"(\s*(?:- )?(?!re:)({_NAME})):([^\s:].*)\Z")
_NO_COLON = re.compile(rf"(\s*(?:- )?({_NAME})) +([^\s#:].*)\Z")
_ALONE = re.compile(rf"(\s*(?:- )?)({_NAME})\s*(?:#.*)?\Z")
_ITEM = re.compile(r"(\s*)(-?)([^\s\-].*)\Z")
_MOVABLE = re.compile(rf"\s*(- |!|{_NAME}:(\s|\Z))")
_CLOSING = {"[": ("]", "list"), "{": ("}", "mapping"), '"': ('"', "quotes"), "'": ("'", "quotes")}
_LINE = "a line is 'name: value' or '- value'"


@dataclass(frozen=True)
class Remedy:
    """`lines`: what to put in place of which lines (numbers count from 0); `lost`: how many of them are left out.

    Without `kept` it shows what is wrong, but the lines had better be left out: they may belong elsewhere. The rest is
    what to say: `line` and `column` count from 1.
    """

    line: int
    column: int
    message: str
    suggestion: str
    lines: dict[int, str]
    lost: int = 0
    kept: bool = True


def remedies(lines: Sequence[str], slip: BrokenError) -> Iterator[Remedy]:
    """What may mend a slip, the likeliest and that which keeps most of the text first."""
    numbers = suspects(lines, slip)
    for number in numbers:
        yield from _spelling(lines, number)
    yield from _indentation(lines, numbers)
    for number in numbers:
        yield from _closing(lines, number, slip)
    left_out = [blank for number in numbers for blank in _blanks(lines, number, slip)]
    yield from (blank for blank in left_out if blank.lost == 1)
    for number in numbers:
        yield from _headings(lines, number)
    yield from sorted((blank for blank in left_out if blank.lost > 1), key=lambda blank: blank.lost)


def _spelling(lines: Sequence[str], number: int) -> Iterator[Remedy]:
    """A colon, a dash or an exclamation mark that is missing, or a space after one."""
    line = lines[number]
    column = indent(line) + 1
    if glued := _GLUED.match(line):
        message, mended = f"'{glued[2]}:' has no space after it", f"{glued[1]}: {glued[3]}"
        yield Remedy(number + 1, column, message, "put a space after the colon", {number: mended})
    if bare := _NO_COLON.match(line):
        yield Remedy(number + 1, column, f"'{bare[2]}' has no colon", _LINE, {number: f"{bare[1]}: {bare[3]}"})
    item = _ITEM.match(line)
    if item and (item[2] or item[3].startswith("!") or _among_items(lines, number)):
        message = "the dash has no space after it" if item[2] else "there is no dash before it"
        yield Remedy(number + 1, column, message, f"write '- {item[3][:60]}'", {number: f"{item[1]}- {item[3]}"})
    alone = _ALONE.match(line)
    if alone and alone[2].endswith("Modifier") and is_item(line):
        message, mended = f"'{alone[2]}' has no exclamation mark", f"{alone[1]}!{alone[2]}"
        yield Remedy(number + 1, column, message, f"write '- !{alone[2]}'", {number: mended})


def _beside(lines: Sequence[str], number: int) -> list[str]:
    """The lines that hold text just before and after a line."""
    before = (line for line in reversed(lines[max(0, number - 20) : number]) if holds_text(line))
    after = (line for line in lines[number + 1 : number + 20] if holds_text(line))
    return [line for line in (next(before, ""), next(after, "")) if line]


def _among_items(lines: Sequence[str], number: int) -> bool:
    """Whether a line that is no ``name: value`` stands beside members of a list."""
    near = any(is_item(line) and indent(line) == indent(lines[number]) for line in _beside(lines, number))
    return near and not _MOVABLE.match(lines[number])


def _headings(lines: Sequence[str], number: int) -> Iterator[Remedy]:
    """A name without a colon above what belongs to it."""
    alone = _ALONE.match(lines[number])
    if alone and opens(lines, number):
        column, name = indent(lines[number]) + 1, alone[2]
        yield Remedy(number + 1, column, f"'{name}' has no colon", f"write '{name}:'", {number: f"{alone[1]}{name}:"})


def _indentation(lines: Sequence[str], numbers: Sequence[int]) -> list[Remedy]:
    """Lines as far in as others, first those that are as far in as few lines and would be so as many."""
    common: dict[tuple[bool, int], int] = {}
    for line in lines:
        if holds_text(line):
            kind = (is_item(line), indent(line))
            common[kind] = common.get(kind, 0) + 1
    ranked: list[tuple[bool, bool, int, Remedy]] = []
    for number in numbers:
        now, item = indent(lines[number]), is_item(lines[number])
        for wanted in _indents(lines, number, numbers[0]) if _MOVABLE.match(lines[number]) else ():
            alike = any((is_item(line), indent(line)) == (item, wanted) for line in _beside(lines, number))
            rarer = common.get((item, wanted), 0) <= common[item, now]
            ranked.append((rarer, not alike, abs(wanted - now), _indented(lines, number, wanted)))
    return [remedy for *_, remedy in sorted(ranked, key=lambda entry: entry[:3])]


def _indented(lines: Sequence[str], number: int, wanted: int) -> Remedy:
    line, now = lines[number], indent(lines[number])
    message, hint = f"is indented by {now}, which fits no line around it", f"indent it by {wanted}"
    if "\t" in line[:now]:
        message, hint = "a tab stands in the indentation", "use spaces"
    kept = is_item(line) or line.rstrip().endswith(":") or bool(unclosed(line))
    return Remedy(number + 1, now + 1, message, hint, {number: " " * wanted + line[now:]}, kept=kept)


def _indents(lines: Sequence[str], number: int, stopped: int) -> list[int]:
    """How far in the lines are that this one may stand beside: those around it, and those that are open there."""
    now = -1 if "\t" in lines[number][: indent(lines[number])] else indent(lines[number])
    found = {indent(line) for line in lines[number + 1 : number + 20] if holds_text(line)}
    found |= {indent(lines[stopped])}
    least = 1000
    for line in reversed(lines[max(0, number - 200) : number]):
        if holds_text(line) and "\t" not in line[: indent(line)] and indent(line) < least:
            least = indent(line)
            found.add(least)
    if lines[number].rstrip().endswith(":") and opens(lines, number):
        below = next(line for line in lines[number + 1 :] if holds_text(line))
        found = {wanted for wanted in found if wanted < indent(below) + is_item(below)}
    return sorted(found - {now}, key=lambda wanted: abs(wanted - indent(lines[number])))[:6]


def _closing(lines: Sequence[str], number: int, slip: BrokenError) -> Iterator[Remedy]:
    """Lists, mappings and quotes that begin in the line and do not end in it.

    What they swallowed up to where it went wrong is left out too: it would be taken for a part of them.
    """
    pending = unclosed(lines[number])
    if not pending:
        return
    column, opening = pending[0]
    name, quotes = _CLOSING[opening][1], opening in "\"'"
    said = "the quotes that begin here never end" if quotes else f"the {name} that begins here never ends"
    hint = f"close the {name} with {''.join(_CLOSING[character][0] for _, character in reversed(pending))}"
    ends = {number + 1}
    if not quotes and number + 1 in (slip.line, slip.began):
        ends.add(slip.seen - 1)
    for end in sorted(end for end in ends if number < end <= len(lines)):
        yield Remedy(number + 1, column + 1, said, hint, dict.fromkeys(range(number, end), ""))


def _blanks(lines: Sequence[str], number: int, slip: BrokenError) -> Iterator[Remedy]:
    """The line left out; it and what stands deeper below it."""
    here = number == slip.line - 1
    column = slip.column if here else indent(lines[number]) + 1
    said = (slip.message.removeprefix(BROKEN), slip.suggestion) if here else ("does not fit the lines after it", _LINE)
    for end in dict.fromkeys((number + 1, block_end(lines, number))):
        lost = dict.fromkeys(range(number, end), "")
        yield Remedy(number + 1, column, *said, lost, sum(map(holds_text, lines[number:end])))
