"""`sqa-tui recipe check`: what is wrong with a recipe, by itself and for a certain model."""

from __future__ import annotations

import click

from engine.errors import EXIT_USAGE, plain
from engine.recipes.advice import in_epochs, remarks, warnings
from engine.recipes.inspection import Inspection, inspect_model
from engine.recipes.problems import RecipeError
from engine.recipes.recipe import Recipe
from engine.recipes.refusals import refusals
from engine.zoo import resolve_model
from sqa_tui.commands.output import json_option, print_json, print_table
from sqa_tui.commands.recipe_model import print_inspection
from sqa_tui.commands.recipe_options import epochs_option, read_given, recipe_args_option, steps_option
from sqa_tui.commands.recipe_problems import Said, plain_problems, print_problems, problem_line, refuse


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
    """Check SOURCE (a file, a stub, or - for what is piped in); every problem is named with its line.

    Exit code 2 where a run would be refused. With --model a part of the engine is loaded, which takes some seconds;
    the weights are not.
    """
    try:
        loaded = read_given(source, recipe_args)
    except RecipeError as error:
        return refuse(source, error, as_json)
    refused = refusals(loaded, steps_per_epoch=steps_per_epoch, epochs=epochs)
    found = [*(Said("error", problem) for problem in refused), *_advice(loaded, steps_per_epoch, epochs)]
    seen = None
    if model is not None:
        path = resolve_model(model)
        if isinstance(path, str):
            click.echo(f"asking the Hugging Face hub for {plain(path)} …", err=True)
        seen = inspect_model(str(path), loaded, recipe_args=recipe_args, steps_per_epoch=steps_per_epoch, epochs=epochs)
        found += _about_model(loaded, seen)
    if as_json:
        print_json(_document(loaded, found, seen))
    else:
        _print_recipe(loaded, epochs)
        if seen is not None:
            print_inspection(model or "", seen)
        print_problems(found)
    return EXIT_USAGE if any(said.level == "error" for said in found) else 0


def _advice(recipe: Recipe, steps_per_epoch: int | None, epochs: float | None) -> list[Said]:
    advice = warnings(recipe, steps_per_epoch=steps_per_epoch, epochs=epochs)
    return [
        *(Said("warning", problem) for problem in advice),
        *(Said("note", problem) for problem in remarks(recipe, epochs=epochs)),
    ]


def _about_model(recipe: Recipe, seen: Inspection) -> list[Said]:
    return [Said(item.level, item.problem(recipe)) for item in seen.findings]


def _print_recipe(recipe: Recipe, epochs: float | None) -> None:
    length = in_epochs(recipe.max_epochs) if recipe.max_epochs > 0 else "a length that the run decides"
    run = f", for a run of {epochs:g}" if epochs is not None and epochs != recipe.max_epochs else ""
    count = f"{len(recipe.modifiers)} modifier{'' if len(recipe.modifiers) == 1 else 's'}"
    click.echo(f"{plain(recipe.source)}: {count} over {length}{run}, in the order in which they run")
    rows = [
        [str(line or ""), modifier.name, _epochs(modifier.start_epoch, modifier.end_epoch)]
        for modifier, line in zip(recipe.modifiers, recipe.lines, strict=True)
    ]
    print_table(["line", "modifier", "epochs"], rows, right=["line"])


def _epochs(start: float, end: float) -> str:
    begin = f"{max(start, 0):g}"
    return f"{begin} → {end:g}" if end >= 0 else f"{begin} →"


def _document(recipe: Recipe, found: list[Said], seen: Inspection | None) -> dict[str, object]:
    modifiers = [
        {"name": item.name, "line": line, "start_epoch": item.start_epoch, "end_epoch": item.end_epoch}
        for item, line in zip(recipe.modifiers, recipe.lines, strict=True)
    ]
    document: dict[str, object] = {
        "source": recipe.source,
        "epochs": recipe.max_epochs,
        "modifiers": modifiers,
        "warnings": [problem_line(said.problem) for said in found if said.level == "warning"],
        "problems": plain_problems(found),
    }
    return document if seen is None else {**document, "model": seen}
