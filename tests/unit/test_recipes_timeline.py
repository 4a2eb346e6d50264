"""Timelines against a replay of every step, and what is said before a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.recipes import Recipe, load_recipe, parse_recipe
from engine.recipes.advice import warnings
from engine.recipes.clock import epoch_at, first_step_after, first_step_at
from engine.recipes.interpolation import interpolate, sparsity_at
from engine.recipes.learning_rate import learning_rate_at
from engine.recipes.modifiers import (
    DistillationModifier,
    GradualPruningModifier,
    LearningRateFunctionModifier,
    MagnitudePruningModifier,
)
from engine.recipes.schedule import UpdateSchedule
from engine.recipes.timeline import timeline

DATA = Path(__file__).parents[1] / "data" / "recipes"


@pytest.mark.parametrize("steps_per_epoch", [1, 3, 7, 100, 5533])
def test_steps_and_epochs_agree(steps_per_epoch: int) -> None:
    for step in [0, 1, 2, steps_per_epoch - 1, steps_per_epoch, 5 * steps_per_epoch + 1, 29 * steps_per_epoch + 2]:
        epoch = epoch_at(step, steps_per_epoch)
        assert first_step_at(epoch, steps_per_epoch) == step
        assert first_step_after(epoch, steps_per_epoch) == step + 1
        assert first_step_at(epoch + 1e-9, steps_per_epoch) == step + 1
    assert first_step_at(-1.0, steps_per_epoch) == first_step_after(-1.0, steps_per_epoch) == 0


@pytest.mark.parametrize("function", ["linear", "cubic", "inverse_cubic"])
def test_interpolation_stays_between_its_ends(function: str) -> None:
    values = [interpolate(x / 10, 1, 3, 0.05, 0.8, function) for x in range(51)]
    assert values == sorted(values)
    assert (values[0], values[-1], interpolate(float("inf"), 1, 3, 0.05, 0.8, function)) == (0.05, 0.8, 0.8)


def test_a_start_of_minus_one_counts_as_zero_unless_compatible() -> None:
    modifier = MagnitudePruningModifier(
        init_sparsity=0.3, final_sparsity=0.8, start_epoch=-1, end_epoch=2, update_frequency=1, params=("a",)
    )
    assert sparsity_at(modifier, 0.0) == 0.3
    assert sparsity_at(modifier, 0.0, sparseml_compatible=True) > 0.6


def replayed(recipe: Recipe, steps_per_epoch: int, total: int) -> list[tuple[float | None, float | None, float | None]]:
    """Sparsity target, learning rate and teacher's weight after the updates of every step, one step at a time."""
    schedules = [UpdateSchedule.of(modifier) for modifier in recipe.modifiers]
    sparsity = rate = None
    seen: list[tuple[float | None, float | None, float | None]] = []
    for step in range(total):
        epoch = epoch_at(step, steps_per_epoch)
        teacher = None
        for modifier, schedule in zip(recipe.modifiers, schedules, strict=True):
            teaches = isinstance(modifier, DistillationModifier)
            updated = schedule.ready(epoch)
            if updated:
                schedule.update(epoch)
            if updated and isinstance(modifier, GradualPruningModifier):
                sparsity = sparsity_at(modifier, epoch)
            if updated and isinstance(modifier, LearningRateFunctionModifier):
                rate = learning_rate_at(modifier, epoch, steps_per_epoch)
            if teaches and schedule.started:
                teacher = modifier.hardness if updated else 0.0
        seen.append((sparsity, rate, teacher))
    return seen


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.iterdir()))
@pytest.mark.parametrize("steps_per_epoch", [1, 4, 7])
def test_a_timeline_is_what_a_replay_of_every_step_gives(name: str, steps_per_epoch: int) -> None:
    recipe = load_recipe(DATA / name)
    total = recipe.max_epochs * steps_per_epoch
    drawn = timeline(recipe, steps_per_epoch, total)
    for step, expected in enumerate(replayed(recipe, steps_per_epoch, total)):
        epoch = epoch_at(step, steps_per_epoch)
        assert (drawn.sparsity.at(epoch), drawn.learning_rate.at(epoch), drawn.distillation.at(epoch)) == expected, (
            epoch
        )


def test_a_long_run_has_few_points_and_keeps_its_corners() -> None:
    recipe = load_recipe(DATA / "obert-30-epochs-unstructured-90.yaml")
    drawn = timeline(recipe, 5533, 30 * 5533)
    assert len(drawn.learning_rate.steps) < 1500
    assert list(drawn.learning_rate.steps) == sorted(set(drawn.learning_rate.steps))
    for epoch in (2.0, 6.0, 10.0, 26.0):
        turn = first_step_at(epoch, 5533)
        assert drawn.learning_rate.at(epoch_at(turn - 1, 5533)) == pytest.approx(8e-6, rel=2e-3)
        assert drawn.learning_rate.at(epoch) == pytest.approx(8e-5)
    assert drawn.sparsity.values == pytest.approx(
        [0.7, 0.7842592, 0.8407407, 0.875, 0.8925925, 0.8990740, 0.9], abs=1e-6
    )


def test_phases_and_quantization() -> None:
    drawn = timeline(load_recipe(DATA / "bert-12-layers-prune-90-quantize.md"), 10, 400)
    bands = [(phase.name, phase.start_epoch, phase.end_epoch) for phase in drawn.phases]
    assert bands == [("dense", 0.0, 2.0), ("distil", 0.0, 40.0), ("prune", 2.0, 20.0), ("qat", 30.0, 40.0)]
    assert [drawn.quantization.at(epoch) for epoch in (29.9, 30.0, 39.0)] == [None, 1.0, 1.0]
    assert [drawn.observers.at(epoch) for epoch in (30.0, 34.9, 35.0)] == [1.0, 1.0, 0.0]


PRUNING = """\
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 4}
  - !MagnitudePruningModifier
      params: [a]
      init_sparsity: 0.05
      final_sparsity: 0.8
      start_epoch: 1
      end_epoch: 4
      update_frequency: 1
"""


def test_the_last_target_comes_with_the_end_of_the_run_unless_compatible() -> None:
    recipe = parse_recipe(PRUNING)
    assert timeline(recipe, 4, 16).sparsity.values[-1] == 0.8
    assert timeline(recipe, 4, 16, sparseml_compatible=True).sparsity.values[-1] == pytest.approx(0.7722, abs=1e-4)
    released = parse_recipe(PRUNING.replace("end_epoch: 4\n", "end_epoch: 3\n      leave_enabled: false\n"))
    assert timeline(released, 4, 16).sparsity.at(3.0) == 0.0


@pytest.mark.parametrize(
    ("modifier", "expected"),
    [
        ("", "reaches final_sparsity only when the run ends"),
        ("  - !SetLearningRateModifier {learning_rate: 0.1, start_epoch: 4}\n", "never starts"),
        ("  - !ConstantPruningModifier {params: [a], end_epoch: 2}\n", "lets go at epoch 2"),
        ("  - !LayerPruningModifier {layers: [a], end_epoch: 4}\n", "stay out of the model"),
        ("  - !SetWeightDecayModifier {weight_decay: 0.1}\n", "biases and layer norms"),
        ("  - !QuantizationModifier {tensorrt: 0, disable_quantization_observer_epoch: 9}\n", "never freezes"),
        ("  - !TrainableParamsModifier {params: [a], trainable: 0, start_epoch: 1.1, end_epoch: 1.2}\n", "between two"),
    ],
)
def test_what_may_not_be_meant_is_said_at_its_line(modifier: str, expected: str) -> None:
    found = warnings(parse_recipe(PRUNING + modifier), steps_per_epoch=4)
    wanted = 10 if modifier else 3
    assert [problem for problem in found if problem.line == wanted and expected in problem.message]


def test_falling_sparsity_is_mentioned() -> None:
    found = warnings(parse_recipe(PRUNING.replace("0.05", "0.9")))
    assert ["begins with more sparsity than it ends with" in str(problem) for problem in found] == [True, False]


def test_a_recipe_without_length_is_mentioned() -> None:
    (found,) = warnings(parse_recipe("modifiers:\n  - !DistillationModifier\n"))
    assert "no length" in found.message
