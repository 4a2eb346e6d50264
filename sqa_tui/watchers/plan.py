"""What a run will do when, worked out from its specification."""

from __future__ import annotations

from engine.runs.paths import RunDirectory
from engine.runs.spec import RunSpec, read_spec
from sqa_tui.run_view import Plan, RunView
from sqa_tui.tracks import Points, stairs
from sqa_tui.watchers.fields import finite, text


def draw_plan(directory: RunDirectory, view: RunView) -> Plan:
    """The plan of a run whose length is known. Raises UserError for a specification or recipe that cannot be read."""
    spec = read_spec(directory)
    every = _evaluation_every(spec, view.steps_per_epoch or 1.0)
    at_once = bool(spec.arguments.get("one_shot"))
    if spec.recipe is None or at_once or not view.steps_per_epoch or not view.total_steps:
        return Plan(evaluation_every=every)
    # Loading a recipe takes a YAML parser: only a screen that shows a run pays for it.
    from engine.recipes.loader import parse_recipe
    from engine.recipes.timeline import timeline

    recipe = parse_recipe(spec.recipe.text, name=spec.recipe.source, recipe_args=spec.recipe_args)
    course = timeline(recipe, round(view.steps_per_epoch), view.total_steps)
    sparsity = list(zip(course.sparsity.epochs, course.sparsity.values, strict=True))
    rate = list(zip(course.learning_rate.epochs, course.learning_rate.values, strict=True))
    return Plan(
        sparsity=stairs(sparsity, course.total_epochs),
        learning_rate=stairs(rate, course.total_epochs) if len(rate) < 2 else _line(rate),
        mask_updates=course.highest_sparsity.epochs,
        evaluation_every=every,
    )


def _line(changes: list[tuple[float, float | None]]) -> Points | None:
    known = [(epoch, value) for epoch, value in changes if value is not None]
    return Points.of(*known) if known else None


def _evaluation_every(spec: RunSpec, steps_per_epoch: float) -> float | None:
    """Epochs from one evaluation to the next, where the arguments ask for them while training."""
    arguments = spec.arguments
    strategy = text(arguments.get("eval_strategy") or arguments.get("evaluation_strategy"), 20)
    if strategy == "epoch":
        return 1.0
    steps = finite(arguments.get("eval_steps"))
    return steps / steps_per_epoch if strategy == "steps" and steps and steps >= 1 else None
