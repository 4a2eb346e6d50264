"""`sqa-tui recipe check`: what is wrong with a recipe, by itself and for a certain model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import click

from engine.errors import EXIT_USAGE, plain
from engine.recipes import load_recipe
from engine.recipes.advice import remarks, warnings
from engine.recipes.inspection import Inspection, inspect_model
from engine.recipes.problems import Problem, RecipeError
from engine.recipes.recipe import Recipe
from engine.recipes.support import unsupported
from engine.zoo import resolve_model
from sqa_tui.commands.output import json_option, print_json, print_table
from sqa_tui.commands.recipe_model import print_inspection
from sqa_tui.commands.recipe_options import epochs_option, recipe_args_option, steps_option


@dataclass(frozen=True)
class Said:
    """A problem and how bad it is: error (a run would be refused), warning (perhaps not meant) or note."""

    level: str
    problem: Problem


@click.command("check")
@click.argument("source")
@recipe_args_option
@click.option("--model", help="A model folder, stub or hub id: which of its parameters are meant, how sparse it gets.")
@steps_option
@epochs_option
@json_option
def check(
    source: str,
    recipe_args: str | None,
    model: str | None,
    steps_per_epoch: int | None,
    epochs: float | None,
    as_json: bool,
) -> int:
    """Check SOURCE (a file or a stub); every problem is named with its line.

    Exit code 2 where a run would be refused. With --model a part of the engine is loaded, which takes some seconds;
    the weights are not.
    """
    try:
        loaded = load_recipe(source, recipe_args=recipe_args)
    except RecipeError as error:
        return _broken(source, error, as_json)
    found = [*_unsupported(loaded), *_advice(loaded, steps_per_epoch, epochs)]
    seen = None
    if model is not None:
        path = str(resolve_model(model))
        seen = inspect_model(path, loaded, recipe_args=recipe_args, steps_per_epoch=steps_per_epoch, epochs=epochs)
        found += _about_model(loaded, seen)
    if as_json:
        print_json(_document(loaded, found, seen))
    else:
        _print_recipe(loaded)
        if seen is not None:
            print_inspection(model or "", seen)
        _print_problems(found)
    return EXIT_USAGE if any(said.level == "error" for said in found) else 0


def _broken(source: str, error: RecipeError, as_json: bool) -> int:
    """A recipe that cannot be read: all its problems, a line for each."""
    found = [Said("error", problem) for problem in error.problems]
    if as_json:
        print_json({"source": source, "problems": [_plain_problem(said) for said in found]})
    else:
        _print_problems(found)
    return EXIT_USAGE


def _unsupported(recipe: Recipe) -> list[Said]:
    missing = unsupported(recipe)
    if not missing:
        return []
    message = f"the recipe uses {', '.join(missing)}, which the engine cannot run"
    return [Said("error", Problem("", 0, 0, message, "take it out of the recipe"))]


def _advice(recipe: Recipe, steps_per_epoch: int | None, epochs: float | None) -> list[Said]:
    advice = warnings(recipe, steps_per_epoch=steps_per_epoch, epochs=epochs)
    return [
        *(Said("warning", problem) for problem in advice),
        *(Said("note", problem) for problem in remarks(recipe, epochs=epochs)),
    ]


def _about_model(recipe: Recipe, seen: Inspection) -> list[Said]:
    return [Said(item.level, item.problem(recipe)) for item in seen.findings]


def _print_recipe(recipe: Recipe) -> None:
    length = f"{recipe.max_epochs} epochs" if recipe.max_epochs > 0 else "a length that the run decides"
    click.echo(
        f"{plain(recipe.source)}: {len(recipe.modifiers)} modifiers over {length}, in the order in which they run"
    )
    rows = [
        [str(line or ""), modifier.name, _epochs(modifier.start_epoch, modifier.end_epoch)]
        for modifier, line in zip(recipe.modifiers, recipe.lines, strict=True)
    ]
    print_table(["line", "modifier", "epochs"], rows, right=["line"])


def _epochs(start: float, end: float) -> str:
    begin = f"{max(start, 0):g}"
    return f"{begin} → {end:g}" if end >= 0 else f"{begin} →"


_ORDER = ("note", "warning", "error")


def _print_problems(found: Iterable[Said]) -> None:
    """On stderr, a line for each, the worst last: that is what stays in sight."""
    for said in sorted(found, key=lambda said: _ORDER.index(said.level)):
        click.echo(f"{said.level}: {_line(said.problem)}", err=True)


def _line(problem: Problem) -> str:
    return plain(str(problem) if problem.file else f"{problem.message} ({problem.suggestion})")


def _plain_problem(said: Said) -> dict[str, object]:
    problem = said.problem
    return {
        "level": said.level,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "suggestion": problem.suggestion,
    }


def _document(recipe: Recipe, found: list[Said], seen: Inspection | None) -> dict[str, object]:
    modifiers = [
        {"name": item.name, "line": line, "start_epoch": item.start_epoch, "end_epoch": item.end_epoch}
        for item, line in zip(recipe.modifiers, recipe.lines, strict=True)
    ]
    document: dict[str, object] = {
        "source": recipe.source,
        "epochs": recipe.max_epochs,
        "modifiers": modifiers,
        "unsupported": unsupported(recipe),
        "warnings": [_line(said.problem) for said in found if said.level == "warning"],
        "problems": [_plain_problem(said) for said in found],
    }
    return document if seen is None else {**document, "model": seen}
