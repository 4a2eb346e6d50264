"""What each modifier of a recipe sets at which step: sparsity, learning rate, quantization, a teacher's weight …"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

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
from engine.recipes.run_steps import RunSteps, course_key
from engine.recipes.series import Change, Series
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

Draft = tuple[Quantity, tuple[str, ...], list[Change]]


@dataclass(frozen=True)
class Track:
    """One quantity that one modifier sets: `index` is the modifier's place in the recipe's `modifiers`, `params` the
    parameters, layers or submodules it is for (empty: the whole run or model)."""

    index: int
    quantity: Quantity
    params: tuple[str, ...]
    series: Series


def tracks(recipe_modifiers: tuple[Modifier, ...], run: RunSteps) -> tuple[Track, ...]:
    """Every quantity that a modifier sets, in running order; modifiers without one have no track."""
    known: dict[str, list[tuple[Quantity, tuple[str, ...], Series]]] = {}
    found: list[Track] = []
    for index, modifier in enumerate(recipe_modifiers):
        # Recipes with a block for every matrix repeat one schedule many times.
        key = course_key(modifier)
        if key not in known:
            known[key] = [_drawn(draft, run) for draft in _drafts(modifier, run)]
        found += [Track(index, kind, params or _params(modifier), series) for kind, params, series in known[key]]
    return tuple(found)


def _drawn(draft: Draft, run: RunSteps) -> tuple[Quantity, tuple[str, ...], Series]:
    quantity, params, changes = draft
    # Only the last pruning and the final value come after the last step, when the run is finalized.
    last = run.total_steps if quantity in ("sparsity", "value") else run.total_steps - 1
    return quantity, params, Series.of((change for change in changes if change[0] <= last), run.steps_per_epoch)


def _params(modifier: Modifier) -> tuple[str, ...]:
    for name in ("params", "layers", "submodules"):
        value = getattr(modifier, name, None)
        if value is not None:
            return (value,) if isinstance(value, str) else tuple(value)
    return ()


def _drafts(modifier: Modifier, run: RunSteps) -> Iterator[Draft]:
    for kind, draft in _DRAFTS.items():
        if isinstance(modifier, kind):
            yield from draft(modifier, run)


def _gradual(modifier: GradualPruningModifier, run: RunSteps) -> Iterator[Draft]:
    final = modifier.final_sparsity
    groups = final.items() if isinstance(final, Mapping) else [(final, ())]
    for target, names in groups:

        def aim(epoch: float, target: float = target) -> float:
            return sparsity_at(modifier, epoch, final=target, sparseml_compatible=run.compatible)

        yield "sparsity", names, _pruned(modifier, run, aim)


def _alternating(modifier: ACDCPruningModifier, run: RunSteps) -> Iterator[Draft]:
    def aim(epoch: float) -> float:
        return alternating_sparsity_at(modifier, epoch, sparseml_compatible=run.compatible)

    yield "sparsity", (), _pruned(modifier, run, aim)


def _pruned(
    modifier: GradualPruningModifier | ACDCPruningModifier, run: RunSteps, aim: Callable[[float], float]
) -> list[Change]:
    second_order = isinstance(modifier, OBSPruningModifier | MFACPruningModifier)
    if run.compatible and second_order and run.steps_per_epoch == 1 < run.total_steps:
        return []
    changes: list[Change] = [(step, aim(run.epoch(step))) for step in run.updates(modifier)]
    end = run.ends(modifier)
    if end is not None and not modifier.leave_enabled:
        changes.append((end, 0.0))
    if changes and run.ends_with_the_run(modifier):
        changes.append((run.total_steps, aim(modifier.end_epoch)))
    return changes


def _at_once(modifier: OneShotPruningModifier, run: RunSteps) -> Iterator[Draft]:
    yield "sparsity", (), _switch(modifier, run, modifier.sparsity)


def _switch(modifier: Modifier, run: RunSteps, on: float = 1.0, off: float | None = 0.0) -> list[Change]:
    """A value from a modifier's start on, another one from its end on."""
    end = run.ends(modifier)
    start = run.step(modifier.start_epoch)
    changes: list[Change] = [(start, on)] if start < run.total_steps else []
    return changes if end is None else [*changes, (end, off)]


def _held(modifier: ConstantPruningModifier, run: RunSteps) -> Iterator[Draft]:
    yield "zeros held", (), _switch(modifier, run)


def _dropped(modifier: LayerPruningModifier, run: RunSteps) -> Iterator[Draft]:
    yield "layers dropped", (), _switch(modifier, run)


def _trainable(modifier: TrainableParamsModifier, run: RunSteps) -> Iterator[Draft]:
    # What was before comes back at the end, and that is not the recipe's.
    yield "trainable", (), _switch(modifier, run, float(modifier.trainable), None)


def _rate_function(modifier: LearningRateFunctionModifier, run: RunSteps) -> Iterator[Draft]:
    steps = sorted({*run.every_step(modifier), *_turns(modifier, run)})
    spe, compatible = run.steps_per_epoch, run.compatible
    rates = [learning_rate_at(modifier, run.epoch(step), spe, sparseml_compatible=compatible) for step in steps]
    yield "learning rate", (), list(zip(steps, rates, strict=True))


def _turns(modifier: LearningRateFunctionModifier, run: RunSteps) -> list[int]:
    """The last and first steps of cycles, so that a thinned curve keeps its corners."""
    if modifier.lr_func != "cyclic_linear":
        return []
    end = min(modifier.end_epoch, run.end)
    count = int(max(end - modifier.begins, 0) / modifier.cycle_epochs)
    if count > run.most_points:
        return []
    first = [run.step(modifier.begins + number * modifier.cycle_epochs) for number in range(1, count + 1)]
    last = min(run.step(modifier.end_epoch), run.total_steps - 1)
    return [step for turn in first for step in (turn - 1, turn) if run.step(modifier.start_epoch) <= step <= last]


def _stepped_rate(modifier: LearningRateModifier, run: RunSteps) -> Iterator[Draft]:
    steps = run.every_step(modifier)
    if len(steps) > run.most_points:
        corners = turning_steps(modifier, run.steps_per_epoch, steps[-1], most=run.most_points)
        steps = sorted({*steps, *(step for step in corners if steps[0] <= step)})
    spe = run.steps_per_epoch
    yield "learning rate", (), [(step, stepped_learning_rate_at(modifier, step, spe)) for step in steps]


def _set_rate(modifier: SetLearningRateModifier, run: RunSteps) -> Iterator[Draft]:
    yield "learning rate", (), [(run.step(modifier.start_epoch), modifier.learning_rate)]


def _set_decay(modifier: SetWeightDecayModifier, run: RunSteps) -> Iterator[Draft]:
    yield "weight decay", (), [(run.step(modifier.start_epoch), modifier.weight_decay)]


def _quantized(modifier: AnyQuantizationModifier, run: RunSteps) -> Iterator[Draft]:
    start, frozen = run.step(modifier.start_epoch), modifier.disable_quantization_observer_epoch
    yield "quantization", (), [(start, 1.0)]
    yield "observers", (), [(start, 1.0)] if frozen is None else [(start, 1.0), (run.step(frozen), 0.0)]


def _taught(modifier: DistillationModifier | PerLayerDistillationModifier, run: RunSteps) -> Iterator[Draft]:
    weight = modifier.hardness if isinstance(modifier, DistillationModifier) else modifier.gain
    begin = run.step(modifier.start_epoch)
    # The loss of a step is made before its updates: the step at which it ends still learns from the teacher.
    end = max(run.step(modifier.end_epoch), begin) + 1
    yield "distillation", (), [(begin, weight)] if modifier.end_epoch < 0 else [(begin, weight), (end, 0.0)]


def _moved(modifier: GradualParamModifier, run: RunSteps) -> Iterator[Draft]:
    first, last = as_number(modifier.init_val), as_number(modifier.final_val)
    if first is None or last is None:
        # Tensors have no curve: how far they are on the way.
        first, last = 0.0, 1.0

    def value(step: int) -> float:
        share = moved_share_at(modifier, run.epoch(step), sparseml_compatible=run.compatible)
        return last if share == 1.0 else share * (last - first) + first

    changes: list[Change] = [(step, value(step)) for step in run.updates(modifier)]
    if changes and run.ends_with_the_run(modifier):
        changes.append((run.total_steps, last))
    yield "value", (), changes


def _constant(modifier: SetParamModifier, run: RunSteps) -> Iterator[Draft]:
    start = run.step(modifier.start_epoch)
    yield "value", (), [(start, as_number(modifier.val))] if start < run.total_steps else []


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
