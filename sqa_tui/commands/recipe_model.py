"""What a recipe does to a model, in lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import click

from engine.errors import plain
from engine.recipes.inspection import Inspection, Selection, Zeros
from sqa_tui.commands.output import print_table
from sqa_tui.formatting import percent


def print_inspection(model: str, seen: Inspection) -> None:
    """Print what the modifiers select, what is quantized and how sparse the model gets."""
    click.echo()
    click.echo(f"{plain(model)}: {', '.join(_about(seen))}")
    chosen = [row for selection in seen.selections for row in _selection(selection)]
    if chosen:
        print_table(["", "parameters", "weights", "zero now", "then"], chosen, right=_NUMBERS)
    for line in _quantized(seen):
        click.echo(line)
    zeros = {"pruned parameters": seen.pruned, "prunable parameters": seen.prunable, "all parameters": seen.overall}
    click.echo()
    rows = [_zeros(name, part) for name, part in zeros.items() if part.weights]
    print_table(["", "weights", "zero now", "then"], rows, right=_NUMBERS)


_NUMBERS = ("parameters", "weights", "zero now", "then")


def _about(seen: Inspection) -> Iterator[str]:
    yield seen.architecture
    yield f"{seen.overall.weights + seen.dropped:,} parameters"
    if seen.model_recipe:
        yield "with a recipe of its own"
    if not seen.has_weights:
        yield "no weights at hand"
    if seen.dropped:
        yield f"{seen.dropped:,} of them in layers that are dropped"


def _selection(selection: Selection) -> Iterator[list[str]]:
    """A row for the modifier and one for each of its patterns."""
    where = f" (line {selection.line})" if selection.line else ""
    how = ", one threshold" if selection.together else ""
    now, then = percent(selection.sparsity), percent(selection.target)
    yield [
        f"{selection.modifier}{where}{how}",
        str(len(selection.parameters)),
        f"{selection.weights:,}",
        now,
        then,
    ]
    for pattern in selection.patterns:
        yield [f"· {pattern.text}", str(pattern.parameters), f"{pattern.weights:,}", "", ""]


def _zeros(name: str, part: Zeros) -> list[str]:
    shares = [None if count is None else count / max(part.weights, 1) for count in (part.now, part.then)]
    return [name, f"{part.weights:,}", *(percent(share) or "?" for share in shares)]


def _quantized(seen: Inspection) -> Iterator[str]:
    kinds = Counter((item.kind, " + ".join(item.tensors)) for item in seen.quantized)
    for (kind, tensors), count in kinds.items():
        yield f"quantized: {count} {kind} ({tensors})"
