"""`sqa-tui recipe`: is a recipe right, and what will it do."""

from __future__ import annotations

import click

from engine.errors import EXIT_USAGE, plain
from engine.recipes import load_recipe
from engine.recipes.advice import warnings
from engine.recipes.support import unsupported
from sqa_tui.commands.output import json_option, print_json

recipe_args_option = click.option("--recipe_args", "--recipe-args", help="Variables to replace: JSON or k=v,k=v.")


@click.group()
def recipe() -> None:
    """Read SparseML recipes without running them."""


@recipe.command("check")
@click.argument("source")
@recipe_args_option
@json_option
def check(source: str, recipe_args: str | None, as_json: bool) -> int:
    """Check SOURCE (a file or a stub); every problem is named with its line."""
    loaded = load_recipe(source, recipe_args=recipe_args)
    names = [modifier.name for modifier in loaded.modifiers]
    missing, advice = unsupported(loaded), [str(problem) for problem in warnings(loaded)]
    code = EXIT_USAGE if missing else 0
    if as_json:
        facts = {"source": source, "epochs": loaded.max_epochs, "modifiers": names}
        print_json({**facts, "unsupported": missing, "warnings": advice})
        return code
    click.echo(f"{source}: {len(names)} modifiers over {loaded.max_epochs:g} epochs, in the order in which they run:")
    for modifier in loaded.modifiers:
        click.echo(f"  {modifier.name}  {modifier.start_epoch:g} → {modifier.end_epoch:g}")
    for text in advice:
        click.echo(f"warning: {plain(text)}", err=True)
    if missing:
        message = f"the recipe uses {', '.join(missing)}, which the engine cannot run"
        click.echo(f"error: {plain(message)} (take it out of the recipe)", err=True)
    return code


@recipe.command("show")
@click.argument("source")
@recipe_args_option
def show(source: str, recipe_args: str | None) -> None:
    """Print SOURCE with its variables evaluated."""
    click.echo(load_recipe(source, recipe_args=recipe_args).to_yaml(), nl=False)
