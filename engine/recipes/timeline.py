"""What a recipe will do when: curves and phases of a run, without running it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.recipes.clock import epoch_at
from engine.recipes.modifiers import (
    DistillationModifier,
    LearningRateFunctionModifier,
    LearningRateModifier,
    Modifier,
    SetLearningRateModifier,
)
from engine.recipes.phases import Phase, phases
from engine.recipes.recipe import Recipe
from engine.recipes.run_steps import RunSteps
from engine.recipes.series import MOST_POINTS, Change, Series, Value, combined, largest, overlaid
from engine.recipes.tracks import Quantity, Track, tracks

__all__ = ["Phase", "Series", "Timeline", "Track", "learning_rates", "rate_tracks", "timeline"]

RATES = (LearningRateFunctionModifier, LearningRateModifier, SetLearningRateModifier)
"""What sets a learning rate."""


@dataclass(frozen=True)
class Timeline:
    """The course of a run by its recipe.

    `sparsity` is the target over all pruned parameters (0 where masks were let go); where they have several courses, or
    zeros are held besides, it depends on how large the model's parameters are, and the series is empty.
    `highest_sparsity` is the largest target of every step. `learning_rate` is that of the optimizer's first group,
    `quantization` and `observers` are 1 while fake quantization and its observers are on, `distillation` is the weight
    of the teacher's terms in the loss. None: no modifier has set it. A value of a step is that after the step's
    updates; one at the step after the last comes with the end of the run. `tracks` has what each modifier sets.
    """

    steps_per_epoch: int
    total_steps: int
    sparsity: Series
    highest_sparsity: Series
    learning_rate: Series
    quantization: Series
    observers: Series
    distillation: Series
    phases: tuple[Phase, ...]
    tracks: tuple[Track, ...] = ()

    @property
    def total_epochs(self) -> float:
        """The length of the run."""
        return epoch_at(self.total_steps, self.steps_per_epoch)


def timeline(
    recipe: Recipe,
    steps_per_epoch: int,
    total_steps: int,
    *,
    sparseml_compatible: bool = False,
    every_step: bool = False,
) -> Timeline:
    """The course of a run of `total_steps` optimizer steps.

    Curves that change at every step have some hundred points, all right but for the value of a very frequent mask
    update, which may be one update old; `every_step` keeps all of them.
    """
    spe, total = max(steps_per_epoch, 1), max(total_steps, 0)
    run = RunSteps(spe, total, max(total, MOST_POINTS), sparseml_compatible)
    run = run if every_step else run.shared(recipe.modifiers)
    known = tracks(recipe.modifiers, run)

    def of(quantity: Quantity) -> list[list[Change]]:
        return [track.series.changes for track in known if track.quantity == quantity]

    def series(changes: list[Change]) -> Series:
        return Series.of(changes, spe)

    targets = _distinct(of("sparsity"))
    return Timeline(
        steps_per_epoch=spe,
        total_steps=total,
        sparsity=series(targets[0] if len(targets) == 1 and not of("zeros held") else []),
        highest_sparsity=series(largest(targets)),
        learning_rate=_learning_rate(recipe.modifiers, known, spe),
        quantization=series(largest(of("quantization"))),
        observers=series(overlaid(of("observers"))),
        distillation=_distillation(recipe, known, spe),
        phases=phases(recipe, run.end),
        tracks=known,
    )


def _distinct(found: list[list[Change]]) -> list[list[Change]]:
    """Each course once: many modifiers may have the same."""
    return list({tuple(changes): changes for changes in found}.values())


def learning_rates(recipe: Recipe, steps_per_epoch: int, total_steps: int) -> Series:
    """The learning rate alone, as in a timeline."""
    known = rate_tracks(recipe, steps_per_epoch, total_steps)
    return _learning_rate(recipe.modifiers, known, steps_per_epoch)


def rate_tracks(recipe: Recipe, steps_per_epoch: int, total_steps: int) -> list[Track]:
    """What each modifier sets of the learning rate of the optimizer's first group, in running order."""
    places = [index for index, item in enumerate(recipe.modifiers) if isinstance(item, RATES)]
    setting = tuple(recipe.modifiers[index] for index in places)
    known = tracks(setting, RunSteps(steps_per_epoch, total_steps).shared(setting))
    return _of_first_group(recipe.modifiers, [replace(track, index=places[track.index]) for track in known])


def _of_first_group(modifiers: Sequence[Modifier], known: Sequence[Track]) -> list[Track]:
    rates = [track for track in known if track.quantity == "learning rate"]
    return [track for track in rates if 0 in (getattr(modifiers[track.index], "param_groups", None) or (0,))]


def _learning_rate(modifiers: Sequence[Modifier], known: Sequence[Track], steps_per_epoch: int) -> Series:
    rates = _of_first_group(modifiers, known)
    return Series.of(overlaid([track.series.changes for track in rates]), steps_per_epoch)


def _distillation(recipe: Recipe, known: Sequence[Track], steps_per_epoch: int) -> Series:
    """The weight of the teachers' terms: logits take their share of what is there, layers are added to it."""
    teachers = [track for track in known if track.quantity == "distillation"]
    shares = [isinstance(recipe.modifiers[track.index], DistillationModifier) for track in teachers]

    def weight(values: list[Value]) -> Value:
        total = 0.0
        for value, is_share in zip(values, shares, strict=True):
            own = value or 0.0
            total = own + ((1.0 - own) * total if is_share else total)
        return total

    return Series.of(combined([track.series.changes for track in teachers], weight), steps_per_epoch)
