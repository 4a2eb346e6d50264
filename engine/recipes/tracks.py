"""What each modifier of a recipe sets at which step: sparsity, learning rate, quantization, a teacher's weight …"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from engine.recipes.clock import epoch_at, first_step_at
from engine.recipes.interpolation import alternating_sparsity_at, moved_share_at, sparsity_at
from engine.recipes.learning_rate import learning_rate_at
from engine.recipes.modifiers import (
    ACDCPruningModifier,
    AnyQuantizationModifier,
    ConstantPruningModifier,
    DistillationModifier,
    GradualParamModifier,
    GradualPruningModifier,
    LayerPruningModifier,
    LearningRateFunctionModifier,
    LearningRateModifier,
    MFACPruningModifier,
    Modifier,
    OBSPruningModifier,
    OneShotPruningModifier,
    PerLayerDistillationModifier,
    SetLearningRateModifier,
    SetParamModifier,
    SetWeightDecayModifier,
    TrainableParamsModifier,
)
from engine.recipes.modifiers.kinds import as_number
from engine.recipes.schedule import EVERY_STEP, frequency, update_steps
from engine.recipes.series import MOST_POINTS, Change, Series
from engine.recipes.stepped_rate import stepped_learning_rate_at, turning_steps

Quantity = Literal[
    "sparsity",
    "zeros held",
    "layers dropped",
    "learning rate",
    "weight decay",
    "quantization",
    "observers",
    "distillation",
    "trainable",
    "value",
]
"""What a modifier sets. What is on or off is 1 or 0; None: no longer set by it."""

MOST_UPDATES = 6000
"""So many updates of one schedule are followed one by one before its curve is thinned without them."""

ALL_POINTS, ALL_UPDATES, FEW = 12_000, 60_000, 20
"""So many of both all curves have together, and so few at most a single one is left."""

Draft = tuple[Quantity, tuple[str, ...], list[Change]]


@dataclass(frozen=True)
class Track:
    """One quantity that one modifier sets: `index` is the modifier's place in the recipe's `modifiers`, `params` the
    parameters, layers or submodules it is for (empty: the whole run or model)."""

    index: int
    quantity: Quantity
    params: tuple[str, ...]
    series: Series


@dataclass(frozen=True)
class Clock:
    """The steps of a run, and how many points a curve may have."""

    steps_per_epoch: int
    total_steps: int
    most_points: int = MOST_POINTS
    compatible: bool = False
    most_updates: int = MOST_UPDATES

    def shared(self, modifiers: Sequence[Modifier]) -> Clock:
        """The clock with fewer points for each curve where there are many, so that all of them take little time."""
        curves = max(len({_schedule(modifier) for modifier in modifiers}), 1)
        points, updates = max(ALL_POINTS // curves, FEW), max(ALL_UPDATES // curves, FEW)
        return replace(self, most_points=min(points, MOST_POINTS), most_updates=min(updates, MOST_UPDATES))

    def epoch(self, step: int) -> float:
        """The epoch before optimizer step `step`."""
        return epoch_at(step, self.steps_per_epoch)

    def step(self, epoch: float) -> int:
        """The first step at or after `epoch`."""
        return first_step_at(epoch, self.steps_per_epoch)

    @property
    def end(self) -> float:
        """The epoch at which the run is over."""
        return self.epoch(self.total_steps)

    def ends(self, modifier: Modifier) -> int | None:
        """The step at which a modifier ends; None where it never does, also where one step passes start and end."""
        end = self.step(modifier.end_epoch)
        return end if modifier.end_epoch >= 0 and self.step(modifier.start_epoch) < end < self.total_steps else None

    def ends_with_the_run(self, modifier: Modifier) -> bool:
        """Whether a modifier's end comes after the last step, so that its last update is made when the run is
        finalized."""
        late = 0 <= modifier.end_epoch <= self.end and self.step(modifier.end_epoch) >= self.total_steps
        return late and not self.compatible

    def every_step(self, modifier: Modifier) -> list[int]:
        """The steps from a modifier's start to its end, both included; the curve's number of points where they are
        more."""
        first, last = self.step(modifier.start_epoch), self.total_steps - 1
        if modifier.end_epoch >= 0:
            last = min(last, max(self.step(modifier.end_epoch), first))
        stride = max(1, (last - first) // self.most_points)
        return sorted({*range(first, last + 1, stride), max(last - 1, first), last}) if first <= last else []

    def updates(self, modifier: Modifier) -> list[int]:
        """The steps at which a modifier with a frequency is updated; some of them where they are many."""
        every = frequency(modifier)
        span = (modifier.end_epoch if modifier.end_epoch >= 0 else self.end) - modifier.begins
        few = max(self.most_updates, self.most_points) * max(every or 0.0, 1 / self.steps_per_epoch)
        if every == EVERY_STEP or (every is not None and span > few):
            return self.every_step(modifier)
        steps = [step for step, _ in update_steps(modifier, self.steps_per_epoch, self.total_steps)]
        stride = max(1, len(steps) // self.most_points)
        return sorted({*steps[::stride], *steps[-2:]})


def tracks(recipe_modifiers: tuple[Modifier, ...], clock: Clock) -> tuple[Track, ...]:
    """Every quantity that a modifier sets, in running order; modifiers without one have no track."""
    known: dict[str, list[tuple[Quantity, tuple[str, ...], Series]]] = {}
    found: list[Track] = []
    for index, modifier in enumerate(recipe_modifiers):
        # Recipes with a block for every matrix repeat one schedule many times.
        key = _schedule(modifier)
        if key not in known:
            known[key] = [_drawn(draft, clock) for draft in _drafts(modifier, clock)]
        found += [Track(index, kind, params or _params(modifier), series) for kind, params, series in known[key]]
    return tuple(found)


def _drawn(draft: Draft, clock: Clock) -> tuple[Quantity, tuple[str, ...], Series]:
    quantity, params, changes = draft
    # Only the last pruning and the final value come after the last step, when the run is finalized.
    last = clock.total_steps if quantity in ("sparsity", "value") else clock.total_steps - 1
    return quantity, params, Series.of((change for change in changes if change[0] <= last), clock.steps_per_epoch)


def _schedule(modifier: Modifier) -> str:
    """What of a modifier decides its course: all but the parameters it is for."""
    values = {name: value for name, value in modifier.values().items() if name not in ("params", "mask_type")}
    return f"{type(modifier).__name__}{values}"


def _params(modifier: Modifier) -> tuple[str, ...]:
    for name in ("params", "layers", "submodules"):
        value = getattr(modifier, name, None)
        if value is not None:
            return (value,) if isinstance(value, str) else tuple(value)
    return ()


def _drafts(modifier: Modifier, clock: Clock) -> Iterator[Draft]:
    for kind, draft in _DRAFTS.items():
        if isinstance(modifier, kind):
            yield from draft(modifier, clock)


def _gradual(modifier: GradualPruningModifier, clock: Clock) -> Iterator[Draft]:
    final = modifier.final_sparsity
    groups = final.items() if isinstance(final, Mapping) else [(final, ())]
    for target, names in groups:

        def aim(epoch: float, target: float = target) -> float:
            return sparsity_at(modifier, epoch, final=target, sparseml_compatible=clock.compatible)

        yield "sparsity", names, _pruned(modifier, clock, aim)


def _alternating(modifier: ACDCPruningModifier, clock: Clock) -> Iterator[Draft]:
    def aim(epoch: float) -> float:
        return alternating_sparsity_at(modifier, epoch, sparseml_compatible=clock.compatible)

    yield "sparsity", (), _pruned(modifier, clock, aim)


def _pruned(
    modifier: GradualPruningModifier | ACDCPruningModifier, clock: Clock, aim: Callable[[float], float]
) -> list[Change]:
    second_order = isinstance(modifier, OBSPruningModifier | MFACPruningModifier)
    if clock.compatible and second_order and clock.steps_per_epoch == 1 < clock.total_steps:
        return []
    changes: list[Change] = [(step, aim(clock.epoch(step))) for step in clock.updates(modifier)]
    end = clock.ends(modifier)
    if end is not None and not modifier.leave_enabled:
        changes.append((end, 0.0))
    if changes and clock.ends_with_the_run(modifier):
        changes.append((clock.total_steps, aim(modifier.end_epoch)))
    return changes


def _at_once(modifier: OneShotPruningModifier, clock: Clock) -> Iterator[Draft]:
    yield "sparsity", (), _switch(modifier, clock, modifier.sparsity)


def _switch(modifier: Modifier, clock: Clock, on: float = 1.0, off: float | None = 0.0) -> list[Change]:
    """A value from a modifier's start on, another one from its end on."""
    end = clock.ends(modifier)
    start = clock.step(modifier.start_epoch)
    changes: list[Change] = [(start, on)] if start < clock.total_steps else []
    return changes if end is None else [*changes, (end, off)]


def _held(modifier: ConstantPruningModifier, clock: Clock) -> Iterator[Draft]:
    yield "zeros held", (), _switch(modifier, clock)


def _dropped(modifier: LayerPruningModifier, clock: Clock) -> Iterator[Draft]:
    yield "layers dropped", (), _switch(modifier, clock)


def _trainable(modifier: TrainableParamsModifier, clock: Clock) -> Iterator[Draft]:
    # What was before comes back at the end, and that is not the recipe's.
    yield "trainable", (), _switch(modifier, clock, float(modifier.trainable), None)


def _rate_function(modifier: LearningRateFunctionModifier, clock: Clock) -> Iterator[Draft]:
    steps = sorted({*clock.every_step(modifier), *_turns(modifier, clock)})
    spe, compatible = clock.steps_per_epoch, clock.compatible
    rates = [learning_rate_at(modifier, clock.epoch(step), spe, sparseml_compatible=compatible) for step in steps]
    yield "learning rate", (), list(zip(steps, rates, strict=True))


def _turns(modifier: LearningRateFunctionModifier, clock: Clock) -> list[int]:
    """The last and first steps of cycles, so that a thinned curve keeps its corners."""
    if modifier.lr_func != "cyclic_linear":
        return []
    end = min(modifier.end_epoch, clock.end)
    count = int(max(end - modifier.begins, 0) / modifier.cycle_epochs)
    if count > clock.most_points:
        return []
    first = [clock.step(modifier.begins + number * modifier.cycle_epochs) for number in range(1, count + 1)]
    last = min(clock.step(modifier.end_epoch), clock.total_steps - 1)
    return [step for turn in first for step in (turn - 1, turn) if clock.step(modifier.start_epoch) <= step <= last]


def _stepped_rate(modifier: LearningRateModifier, clock: Clock) -> Iterator[Draft]:
    steps = clock.every_step(modifier)
    if len(steps) > clock.most_points:
        corners = turning_steps(modifier, clock.steps_per_epoch, steps[-1], most=clock.most_points)
        steps = sorted({*steps, *(step for step in corners if steps[0] <= step)})
    spe = clock.steps_per_epoch
    yield "learning rate", (), [(step, stepped_learning_rate_at(modifier, step, spe)) for step in steps]


def _set_rate(modifier: SetLearningRateModifier, clock: Clock) -> Iterator[Draft]:
    yield "learning rate", (), [(clock.step(modifier.start_epoch), modifier.learning_rate)]


def _set_decay(modifier: SetWeightDecayModifier, clock: Clock) -> Iterator[Draft]:
    yield "weight decay", (), [(clock.step(modifier.start_epoch), modifier.weight_decay)]


def _quantized(modifier: AnyQuantizationModifier, clock: Clock) -> Iterator[Draft]:
    start, frozen = clock.step(modifier.start_epoch), modifier.disable_quantization_observer_epoch
    yield "quantization", (), [(start, 1.0)]
    yield "observers", (), [(start, 1.0)] if frozen is None else [(start, 1.0), (clock.step(frozen), 0.0)]


def _taught(modifier: DistillationModifier | PerLayerDistillationModifier, clock: Clock) -> Iterator[Draft]:
    weight = modifier.hardness if isinstance(modifier, DistillationModifier) else modifier.gain
    begin = clock.step(modifier.start_epoch)
    # The loss of a step is made before its updates: the step at which it ends still learns from the teacher.
    end = max(clock.step(modifier.end_epoch), begin) + 1
    yield "distillation", (), [(begin, weight)] if modifier.end_epoch < 0 else [(begin, weight), (end, 0.0)]


def _moved(modifier: GradualParamModifier, clock: Clock) -> Iterator[Draft]:
    first, last = as_number(modifier.init_val), as_number(modifier.final_val)
    if first is None or last is None:
        # Tensors have no curve: how far they are on the way.
        first, last = 0.0, 1.0

    def value(step: int) -> float:
        share = moved_share_at(modifier, clock.epoch(step), sparseml_compatible=clock.compatible)
        return last if share == 1.0 else share * (last - first) + first

    changes: list[Change] = [(step, value(step)) for step in clock.updates(modifier)]
    if changes and clock.ends_with_the_run(modifier):
        changes.append((clock.total_steps, last))
    yield "value", (), changes


def _constant(modifier: SetParamModifier, clock: Clock) -> Iterator[Draft]:
    start = clock.step(modifier.start_epoch)
    yield "value", (), [(start, as_number(modifier.val))] if start < clock.total_steps else []


_DRAFTS: dict[type[Modifier], Callable[..., Iterator[Draft]]] = {
    GradualPruningModifier: _gradual,
    ACDCPruningModifier: _alternating,
    OneShotPruningModifier: _at_once,
    ConstantPruningModifier: _held,
    LayerPruningModifier: _dropped,
    LearningRateFunctionModifier: _rate_function,
    LearningRateModifier: _stepped_rate,
    SetLearningRateModifier: _set_rate,
    SetWeightDecayModifier: _set_decay,
    AnyQuantizationModifier: _quantized,
    DistillationModifier: _taught,
    PerLayerDistillationModifier: _taught,
    TrainableParamsModifier: _trainable,
    GradualParamModifier: _moved,
    SetParamModifier: _constant,
}
