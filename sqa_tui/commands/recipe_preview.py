"""`sqa-tui recipe preview`: what a recipe will do, as charts in the terminal."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence

import click
from rich.console import Console
from rich.text import Text

from engine.errors import UserError, plain
from engine.recipes.clock import NOMINAL_STEPS
from engine.recipes.problems import RecipeError
from engine.recipes.recipe import Recipe
from engine.recipes.schedule import EVERY_STEP, frequency
from engine.recipes.timeline import Series, Timeline, timeline
from sqa_tui.commands.output import json_option, print_json
from sqa_tui.commands.recipe_options import epochs_option, read_given, recipe_args_option, steps_option
from sqa_tui.commands.recipe_problems import refuse

USUAL_WIDTH = 80
"""Cells of a line where the output is no terminal."""
WIDEST = 160
"""Cells beyond which a wider terminal makes no better chart."""
SWITCHES_HEIGHT = 6
"""Rows of the chart of what is on or off, which needs no more."""
SHOWN = 8
"""So many mask updates are listed by their epochs."""

MOST_VALUES = 500_000
"""So many values --every_step prints at most: some tens of megabytes."""


@click.command("preview")
@click.argument("source")
@recipe_args_option
@steps_option
@epochs_option
@click.option("--width", type=click.IntRange(min=40, max=400), help="Cells of a line (default: the terminal's, or 80).")
@click.option("--height", type=click.IntRange(min=5, max=100), default=9, show_default=True, help="Rows of a chart.")
@click.option("--every_step", "--every-step", is_flag=True, help="With --json: every change, up to 500,000.")
@json_option
def preview(
    source: str,
    recipe_args: str | None,
    steps_per_epoch: int | None,
    epochs: float | None,
    width: int | None,
    height: int,
    every_step: bool,
    as_json: bool,
) -> int:
    """Draw what SOURCE (a file, a stub, or - for what is piped in) does over its epochs: sparsity, learning rate,
    quantization, teacher.

    --json prints the same as series: a value holds from its step until the next. `sparsity` there is null where it
    depends on the sizes of the parameters: they have several courses, which are among the tracks.
    """
    try:
        loaded = read_given(source, recipe_args)
    except RecipeError as error:
        return refuse(source, error, as_json)
    course = _course(loaded, steps_per_epoch or NOMINAL_STEPS, epochs, every_step)
    if as_json:
        print_json(_document(loaded, course))
        return 0
    console = _console(width)
    console.print(Text(plain(loaded.source)), no_wrap=True, overflow="ellipsis")
    for line in _charts(loaded, course, console.width, height):
        console.print(line, no_wrap=True, crop=True, overflow="ignore")
    for text in _words(loaded, course, steps_per_epoch is None):
        console.print(Text(plain(text)))
    return 0


def _course(recipe: Recipe, steps_per_epoch: int, epochs: float | None, every_step: bool) -> Timeline:
    if epochs is None and recipe.max_epochs < 1:
        raise UserError(f"{plain(recipe.source)} does not say how long it trains", "say it with --epochs N")
    length = float(recipe.max_epochs) if epochs is None else epochs
    values = length * steps_per_epoch * len(recipe.modifiers)
    if every_step and values > MOST_VALUES:
        counted = f"{len(recipe.modifiers)} modifiers over {length * steps_per_epoch:,.0f} steps"
        message = f"--every_step may print {values:,.0f} values ({counted}), at most {MOST_VALUES:,} are printed"
        raise UserError(message, "leave it out, or preview fewer steps with --epochs and --steps_per_epoch")
    return timeline(recipe, steps_per_epoch, max(math.ceil(length * steps_per_epoch), 1), every_step=every_step)


def _console(width: int | None) -> Console:
    """A console without colours where the output is no terminal or none are wanted."""
    plain_text = Console(highlight=False).color_system is None or bool(os.environ.get("NO_COLOR"))
    console = Console(highlight=False, color_system=None if plain_text else "auto")
    console.width = width or (min(console.width, WIDEST) if console.is_terminal else USUAL_WIDTH)
    return console


def _charts(recipe: Recipe, course: Timeline, width: int, height: int) -> Iterator[Text]:
    # Loaded here so that --json and a wrong recipe are answered at once.
    from sqa_tui.screens import recipe_charts
    from sqa_tui.widgets import axes
    from sqa_tui.widgets.chart_curves import FoldedCurves
    from sqa_tui.widgets.chart_painter import Look
    from sqa_tui.widgets.chart_rows import chart_rows
    from sqa_tui.widgets.palette import Palette

    palette = Palette.of_terminal()
    share = (axes.percent, axes.tick_percent)
    charts = [
        (recipe_charts.sparsity(course, recipe.lines), Look("sparsity", *share, ""), (0.0, 1.0), height),
        (
            recipe_charts.learning_rate(course, recipe.lines),
            Look("learning rate", axes.number, axes.number, ""),
            None,
            height,
        ),
        (
            recipe_charts.switches(course, recipe.lines),
            Look("quantization, teacher", axes.tick_number, axes.tick_number, ""),
            None,
            min(height, SWITCHES_HEIGHT),
        ),
    ]
    for data, look, bounds, rows in charts:
        if data.curves:
            folded = FoldedCurves(bounds, from_zero=True)
            for row in chart_rows(data, folded, look, palette, width, rows):
                yield Text.assemble(*((cells.text, cells.style or "") for cells in row.strip()), end="")


def _words(recipe: Recipe, course: Timeline, nominal: bool) -> Iterator[str]:
    """What charts do not tell: what is not set, when exactly masks change."""
    assumed = ", which is assumed (--steps_per_epoch)" if nominal else ""
    yield f"{course.total_epochs:g} epochs of {course.steps_per_epoch} steps{assumed}"
    if not course.learning_rate.steps:
        yield "learning rate: not set by this recipe"
    pruning = [(track.index, track.series) for track in course.tracks if track.quantity == "sparsity"]
    held = [track.index for track in course.tracks if track.quantity == "zeros held"]
    if not pruning and not held:
        yield "sparsity: not set by this recipe"
    for index in held:
        yield f"{_named(recipe, [index])}: what is zero stays zero"
    courses: dict[Series, list[int]] = {}
    for index, series in pruning:
        courses.setdefault(series, []).append(index)
    for series, indices in courses.items():
        yield f"{_named(recipe, indices)}: {_listed(series, frequency(recipe.modifiers[indices[0]]))}"


def _named(recipe: Recipe, indices: Sequence[int]) -> str:
    lines = sorted(recipe.lines[index] for index in indices)
    others = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return f"{recipe.modifiers[indices[0]].name} (line {lines[0]}{others})"


def _listed(series: Series, every: float | None) -> str:
    """The masks of a course: each of them, or the first and the last."""
    changes = [
        f"{epoch:.4g} ({100 * (value or 0):.4g} %)" for epoch, value in zip(series.epochs, series.values, strict=True)
    ]
    if not changes:
        return "never starts"
    if len(changes) <= SHOWN:
        return "masks at epoch " + ", ".join(changes)
    pace = "at every step" if every in (None, EVERY_STEP, 0) else f"every {every:g} epochs"
    return f"masks from epoch {changes[0]} to {changes[-1]}, {pace}"


def _document(recipe: Recipe, course: Timeline) -> dict[str, object]:
    tracks = [
        {
            "modifier": recipe.modifiers[track.index].name,
            "line": recipe.lines[track.index],
            "quantity": track.quantity,
            "params": track.params,
            **_plain(track.series),
        }
        for track in course.tracks
    ]
    names = ("sparsity", "learning_rate", "quantization", "observers", "distillation")
    return {
        "source": recipe.source,
        "epochs": course.total_epochs,
        "steps_per_epoch": course.steps_per_epoch,
        "total_steps": course.total_steps,
        "phases": course.phases,
        "series": {name: _plain(getattr(course, name)) for name in names} | _unknown(course),
        "tracks": tracks,
    }


def _unknown(course: Timeline) -> dict[str, None]:
    """The sparsity of a run in which it depends on the model."""
    return {"sparsity": None} if course.highest_sparsity.steps and not course.sparsity.steps else {}


def _plain(series: Series) -> dict[str, object]:
    return {"steps": series.steps, "epochs": series.epochs, "values": series.values}
