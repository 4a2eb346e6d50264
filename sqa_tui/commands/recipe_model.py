"""What a recipe does to a model, in lines for people."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator

import click

from engine.errors import plain
from engine.recipes.inspection import Inspection, Selection, Zeros
from sqa_tui.commands.output import console, print_table
from sqa_tui.formatting import cut_middle, percent


def print_inspection(model: str, seen: Inspection) -> None:
    """Print what the modifiers select, what is quantized and how sparse the model gets."""
    click.echo()
    click.echo(f"{plain(model)}: {', '.join(_about(seen))}")
    _print(
        [("", *_NUMBERS), *(row for selection in seen.selections for row in _selection(selection))], seen.has_weights
    )
    for line in _quantized(seen):
        click.echo(line)
    zeros = {"pruned parameters": seen.pruned, "prunable parameters": seen.prunable, "all parameters": seen.overall}
    click.echo()
    _print([("", *_NUMBERS), *(_zeros(name, part) for name, part in zeros.items() if part.weights)], seen.has_weights)


_NUMBERS = ("parameters", "weights", "zero now", "then")
Row = tuple[str, str, str, str, str]
"""A name, and what belongs below `_NUMBERS`."""


def _print(rows: list[Row], has_weights: bool) -> None:
    """A table with its head in the first row, without columns that hold nothing; on a terminal long names are cut."""
    held = [place for place in range(1, len(rows[0])) if any(row[place] for row in rows[1:])]
    kept = [place for place in held if has_weights or rows[0][place] != "zero now"]
    if len(rows) < 2:
        return
    width = console().width if sys.stdout.isatty() else sys.maxsize
    room = width - sum(max(len(row[place]) for row in rows) + 2 for place in kept) - 2
    names = [cut_middle(row[0], max(room, SHORTEST_NAME)) for row in rows]
    body = [[name, *(row[place] for place in kept)] for name, row in zip(names[1:], rows[1:], strict=True)]
    print_table([rows[0][place] for place in (0, *kept)], body, right=_NUMBERS)


SHORTEST_NAME = 20
"""Cells of a name in the narrowest terminal."""


def _about(seen: Inspection) -> Iterator[str]:
    yield seen.architecture
    yield f"{seen.overall.weights + seen.dropped:,} parameters"
    if seen.model_recipe:
        yield "with a recipe of its own"
    if not seen.has_weights:
        yield "no weights at hand"
    if seen.dropped:
        yield f"{seen.dropped:,} of them in layers that are dropped"


def _selection(selection: Selection) -> Iterator[Row]:
    """A row for the modifier and one for each of its patterns."""
    where = f" (line {selection.line})" if selection.line else ""
    how = ", one threshold" if selection.together else ""
    name, count = f"{selection.modifier}{where}{how}", str(len(selection.parameters))
    yield name, count, f"{selection.weights:,}", percent(selection.sparsity), percent(selection.left)
    for pattern in selection.patterns:
        yield f"· {plain(pattern.text)}", str(pattern.parameters), f"{pattern.weights:,}", "", ""


def _zeros(name: str, part: Zeros) -> Row:
    now, then = (None if count is None else count / max(part.weights, 1) for count in (part.now, part.then))
    return name, "", f"{part.weights:,}", percent(now), percent(then) or "?"


def _quantized(seen: Inspection) -> Iterator[str]:
    kinds = Counter((item.kind, " + ".join(item.tensors)) for item in seen.quantized)
    for (kind, tensors), count in kinds.items():
        yield f"quantized: {count} {kind} ({tensors})"
