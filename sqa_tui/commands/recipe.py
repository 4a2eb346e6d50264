"""`sqa-tui recipe`: is a recipe right, what does it say, and what will it do."""

from __future__ import annotations

import click

from engine.recipes.problems import RecipeError
from engine.recipes.recipe import Recipe
from sqa_tui.commands.output import json_option, print_json
from sqa_tui.commands.recipe_check import check
from sqa_tui.commands.recipe_options import read_given, recipe_args_option
from sqa_tui.commands.recipe_preview import preview
from sqa_tui.commands.recipe_problems import refuse


@click.group(invoke_without_command=True)
@click.pass_context
def recipe(context: click.Context) -> None:
    """Read SparseML recipes without running them."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@recipe.command("show")
@click.argument("source")
@recipe_args_option
@json_option
def show(source: str, recipe_args: str | None, as_json: bool) -> int:
    """Print SOURCE with its variables evaluated, in the format in which recipes are saved.

    SOURCE is a file, a stub, or - for what is piped in.
    """
    try:
        loaded = read_given(source, recipe_args)
    except RecipeError as error:
        return refuse(source, error, as_json)
    if as_json:
        print_json(facts(loaded))
    else:
        click.echo(loaded.to_yaml(), nl=False)
    return 0


def facts(loaded: Recipe) -> dict[str, object]:
    """Everything a recipe says, evaluated, as plain values."""
    variables = [
        {"name": item.name, "written": item.written, "value": item.value, "stage": item.stage, "line": item.line}
        for item in loaded.described
    ]
    stages = [stage.name for stage in loaded.stages for _ in stage.modifiers]
    modifiers = [
        {"name": modifier.name, "stage": stage, "line": line, "fields": modifier.values()}
        for modifier, stage, line in zip(loaded.modifiers, stages, loaded.lines, strict=True)
    ]
    return {
        "source": loaded.source,
        "sha256": loaded.sha256,
        "version": loaded.version,
        "first_epoch": loaded.min_epochs,
        "epochs": loaded.max_epochs,
        "variables": variables,
        "modifiers": modifiers,
        "metadata": loaded.metadata,
    }


recipe.add_command(check)
recipe.add_command(preview)
