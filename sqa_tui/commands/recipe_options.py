"""What the commands about recipes share: their options, and how a recipe is given."""

from __future__ import annotations

import sys

import click

from engine.recipes import load_recipe, parse_recipe
from engine.recipes.recipe import Recipe
from engine.recipes.source import LIMIT, text_of

STANDARD_INPUT = ("-", "/dev/stdin")


def read_given(source: str, recipe_args: str | None) -> Recipe:
    """The recipe of a file or a stub, or the one that is piped in (as YAML or as the front matter of a text).

    Raises `RecipeError`, or `UserError` for a stub that cannot be resolved.
    """
    if source not in STANDARD_INPUT:
        return load_recipe(source, recipe_args=recipe_args)
    return parse_recipe(text_of(sys.stdin.buffer.read(LIMIT + 1), "stdin"), name="stdin", recipe_args=recipe_args)


recipe_args_option = click.option("--recipe_args", "--recipe-args", help="Variables to replace: JSON or k=v,k=v.")
steps_option = click.option(
    "--steps_per_epoch",
    "--steps-per-epoch",
    type=click.IntRange(min=1),
    help="Optimizer steps of an epoch: what falls between two steps, or after the last one, depends on them.",
)
epochs_option = click.option(
    "--epochs",
    type=click.FloatRange(min=0, min_open=True, max=1e6),
    help="Length of the run, where it is not the recipe's own.",
)
