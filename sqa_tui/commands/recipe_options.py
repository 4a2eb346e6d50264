"""Options that the commands about recipes share."""

from __future__ import annotations

import click

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
