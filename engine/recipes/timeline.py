"""What a recipe will do when: curves and phases of a run, without running it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.recipes.clock import epoch_at, first_step_at
from engine.recipes.interpolation import alternating_sparsity_at, sparsity_at
from engine.recipes.learning_rate import learning_rate_at
from engine.recipes.modifiers import (
    ACDCPruningModifier,
    AnyQuantizationModifier,
    DistillationModifier,
    GradualPruningModifier,
    LearningRateFunctionModifier,
    LearningRateModifier,
    Modifier,
    PerLayerDistillationModifier,
    SetLearningRateModifier,
)
from engine.recipes.phases import Phase, phases
from engine.recipes.recipe import Recipe
from engine.recipes.schedule import EVERY_STEP, frequency, update_steps
from engine.recipes.series import MOST_POINTS, Change, Series, Value, largest, overlaid
from engine.recipes.stepped_rate import stepped_learning_rate_at


@dataclass(frozen=True)
class Timeline:
    """The course of a run by its recipe.

    `sparsity` is the largest target of all pruning modifiers, `learning_rate` that of the optimizer's first group,
    `quantization` and `observers` are 1 while fake quantization and its observers are on, `distillation` is the weight
    of the teacher in the loss. None: no modifier has set it.
    """

    steps_per_epoch: int
    total_steps: int
    sparsity: Series
    learning_rate: Series
    quantization: Series
    observers: Series
    distillation: Series
    phases: tuple[Phase, ...]

    @property
    def total_epochs(self) -> float:
        """The length of the run."""
        return epoch_at(self.total_steps, self.steps_per_epoch)


def timeline(recipe: Recipe, steps_per_epoch: int, total_steps: int, *, sparseml_compatible: bool = False) -> Timeline:
    """The course of a run of `total_steps` optimizer steps; curves have at most some hundred points."""
    drawing = _Drawing(recipe, max(steps_per_epoch, 1), max(total_steps, 0), sparseml_compatible)
    return Timeline(
        steps_per_epoch=drawing.steps_per_epoch,
        total_steps=drawing.total_steps,
        sparsity=drawing.sparsity(),
        learning_rate=drawing.learning_rate(),
        quantization=drawing.quantization(),
        observers=drawing.observers(),
        distillation=drawing.distillation(),
        phases=phases(recipe, epoch_at(drawing.total_steps, drawing.steps_per_epoch)),
    )


@dataclass(frozen=True)
class _Drawing:
    recipe: Recipe
    steps_per_epoch: int
    total_steps: int
    compatible: bool

    def epoch(self, step: int) -> float:
        return epoch_at(step, self.steps_per_epoch)

    def step(self, epoch: float) -> int:
        return first_step_at(epoch, self.steps_per_epoch)

    def series(self, changes: Iterable[Change]) -> Series:
        """Changes in order of steps, the last of a step counting, as a series."""
        kept: dict[int, Value] = {}
        for step, value in changes:
            if 0 <= step < self.total_steps:
                kept[step] = value
        steps = tuple(kept)
        return Series(steps, tuple(self.epoch(step) for step in steps), tuple(kept.values()))

    def sparsity(self) -> Series:
        # Recipes with a block for every matrix repeat one schedule many times.
        distinct = {_schedule(item): item for item in self.recipe.modifiers if _has_target(item)}
        return self.series(largest([self._pruning(item) for item in distinct.values()]))

    def _pruning(self, modifier: Modifier) -> list[Change]:
        changes: list[Change] = []
        for step, _ in self._updates(modifier):
            changes.append((step, self._target(modifier, self.epoch(step))))
        released = modifier.end_epoch >= 0 and not getattr(modifier, "leave_enabled", True)
        end = self.step(modifier.end_epoch)
        if released and end > self.step(modifier.start_epoch):
            changes.append((end, 0.0))
        elif modifier.end_epoch >= 0 and end >= self.total_steps > self.step(modifier.start_epoch):
            changes += self._final(modifier)
        return changes

    def _final(self, modifier: Modifier) -> list[Change]:
        """What finalizing does for an end that comes after the last step: nothing where it is to be as in SparseML."""
        late = epoch_at(self.total_steps, self.steps_per_epoch) >= modifier.end_epoch
        if self.compatible or not late:
            return []
        return [(self.total_steps - 1, self._target(modifier, modifier.end_epoch))]

    def _target(self, modifier: Modifier, epoch: float) -> float:
        if isinstance(modifier, ACDCPruningModifier):
            return alternating_sparsity_at(modifier, epoch)
        assert isinstance(modifier, GradualPruningModifier)
        return sparsity_at(modifier, epoch, sparseml_compatible=self.compatible)

    def _updates(self, modifier: Modifier) -> list[tuple[int, float]]:
        """The steps of updates, thinned where there is one at (nearly) every step."""
        every = frequency(modifier)
        span = (modifier.end_epoch if modifier.end_epoch >= 0 else self.epoch(self.total_steps)) - modifier.begins
        dense = every is not None and span > MOST_POINTS * max(every, 1 / self.steps_per_epoch)
        if every == EVERY_STEP or dense:
            return [(step, self.epoch(step)) for step in self._grid(modifier)]
        return [(step, update.epoch) for step, update in update_steps(modifier, self.steps_per_epoch, self.total_steps)]

    def _grid(self, modifier: Modifier) -> list[int]:
        """At most `MOST_POINTS` steps from a modifier's start to its end, both included."""
        first, last = self.step(modifier.start_epoch), self.total_steps - 1
        if modifier.end_epoch >= 0:
            last = min(last, max(self.step(modifier.end_epoch), first))
        stride = max(1, (last - first) // MOST_POINTS)
        return sorted({*range(first, last + 1, stride), max(last - 1, first), last}) if first <= last else []

    def learning_rate(self) -> Series:
        return self.series(overlaid([self._rates(item) for item in self.recipe.modifiers if _sets_rate(item)]))

    def _rates(self, modifier: Modifier) -> list[Change]:
        if isinstance(modifier, SetLearningRateModifier):
            return [(self.step(modifier.start_epoch), modifier.learning_rate)]
        if isinstance(modifier, LearningRateModifier):
            spe = self.steps_per_epoch
            return [(step, stepped_learning_rate_at(modifier, step, spe)) for step in self._grid(modifier)]
        assert isinstance(modifier, LearningRateFunctionModifier)
        steps = sorted({*self._grid(modifier), *self._turns(modifier)})
        return [(step, self._rate(modifier, step)) for step in steps]

    def _rate(self, modifier: LearningRateFunctionModifier, step: int) -> float:
        return learning_rate_at(modifier, self.epoch(step), self.steps_per_epoch, sparseml_compatible=self.compatible)

    def _turns(self, modifier: LearningRateFunctionModifier) -> list[int]:
        """The last and first steps of cycles, so that a thinned curve keeps its corners."""
        if modifier.lr_func != "cyclic_linear":
            return []
        span = min(modifier.end_epoch, self.epoch(self.total_steps)) - modifier.begins
        count = int(max(span, 0) / modifier.cycle_epochs)
        if count > MOST_POINTS:
            return []
        first = [self.step(modifier.begins + number * modifier.cycle_epochs) for number in range(1, count + 1)]
        end = self.step(modifier.end_epoch)
        return [step for turn in first for step in (turn - 1, turn) if 0 <= step <= min(end, self.total_steps - 1)]

    def quantization(self) -> Series:
        return self.series((self.step(item.start_epoch), 1.0) for item in _quantizers(self.recipe))

    def observers(self) -> Series:
        changes: list[Change] = []
        for item in _quantizers(self.recipe):
            changes.append((self.step(item.start_epoch), 1.0))
            if item.disable_quantization_observer_epoch is not None:
                changes.append((self.step(item.disable_quantization_observer_epoch), 0.0))
        return self.series(sorted(changes, key=lambda change: change[0]))

    def distillation(self) -> Series:
        tracks = [self._teaching(item) for item in self.recipe.modifiers if _teaches(item)]
        return self.series(largest(tracks))

    def _teaching(self, modifier: Modifier) -> list[Change]:
        weight = modifier.hardness if isinstance(modifier, DistillationModifier) else 1.0
        begin = self.step(modifier.start_epoch)
        if modifier.end_epoch < 0:
            return [(begin, weight)]
        # The step at which it ends still learns from the teacher.
        return [(begin, weight), (max(self.step(modifier.end_epoch), begin) + 1, 0.0)]


def _has_target(modifier: Modifier) -> bool:
    return isinstance(modifier, GradualPruningModifier | ACDCPruningModifier)


def _schedule(modifier: Modifier) -> str:
    """What of a pruning modifier decides its course: all but the parameters it is for."""
    return str({name: value for name, value in modifier.values().items() if name not in ("params", "mask_type")})


def _sets_rate(modifier: Modifier) -> bool:
    rates = (LearningRateFunctionModifier, SetLearningRateModifier, LearningRateModifier)
    groups = getattr(modifier, "param_groups", None)
    return isinstance(modifier, rates) and (not groups or 0 in groups)


def _teaches(modifier: Modifier) -> bool:
    return isinstance(modifier, DistillationModifier | PerLayerDistillationModifier)


def _quantizers(recipe: Recipe) -> list[AnyQuantizationModifier]:
    found = [item for item in recipe.modifiers if isinstance(item, AnyQuantizationModifier)]
    return sorted(found, key=lambda item: item.begins)
