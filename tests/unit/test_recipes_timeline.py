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
from engine.recipes.timeline import Timeline, Track, timeline

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
    "second",
    [
        PRUNING.partition("end_epoch: 4}\n")[2].replace("final_sparsity: 0.8", "final_sparsity: 0.5"),
        "  - !ConstantPruningModifier {params: [b]}\n",
    ],
)
def test_a_target_that_depends_on_sizes_is_not_made_up(second: str) -> None:
    drawn = timeline(parse_recipe(PRUNING + second), 4, 16)
    assert drawn.sparsity.values == ()
    assert drawn.highest_sparsity.values[-1] == 0.8
    assert timeline(parse_recipe(PRUNING), 4, 16).sparsity == drawn.highest_sparsity


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


EVERYTHING = """\
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 9}
  - !ACDCPruningModifier
      {params: [a], compression_sparsity: 0.5, start_epoch: 1, end_epoch: 7, update_frequency: 1}
  - !MovementPruningModifier
      {params: [b], init_sparsity: 0.1, final_sparsity: 0.6, start_epoch: 0.4, end_epoch: 3.3, update_frequency: 0.3,
       inter_func: linear, leave_enabled: false}
  - !MFACPruningModifier
      {params: [c], init_sparsity: 0.2, final_sparsity: 0.7, start_epoch: 2, end_epoch: 9, update_frequency: 2}
  - !StructuredPruningModifier
      {params: [d], init_sparsity: 0.0, final_sparsity: 0.3, start_epoch: -1, end_epoch: 5, update_frequency: -1}
  - !GMPruningModifier
      {params: [], init_sparsity: 0.0, final_sparsity: {0.5: [e, f], 0.8: [g]}, start_epoch: 1, end_epoch: 2,
       update_frequency: 0.5}
  - !ConstantPruningModifier {params: [h], start_epoch: 2, end_epoch: 6}
  - !LayerPruningModifier {layers: [i], start_epoch: 1.5}
  - !TrainableParamsModifier {params: [j], trainable: false, start_epoch: 1, end_epoch: 4}
  - !GradualParamModifier
      {params: [k], init_val: 1, final_val: 3, start_epoch: 2, end_epoch: 6, update_frequency: 0.5}
  - !SetParamModifier {params: [l], val: 4, start_epoch: 3}
  - !LearningRateModifier
      {lr_class: MultiStepLR, lr_kwargs: {milestones: [2, 4], gamma: 0.5}, init_lr: 0.1, start_epoch: 0, end_epoch: 5}
  - !SetLearningRateModifier {learning_rate: 0.01, start_epoch: 7}
  - !SetWeightDecayModifier {weight_decay: 0.2, start_epoch: 2}
  - !DistillationModifier {hardness: 0.5, start_epoch: 1, end_epoch: 4}
  - !PerLayerDistillationModifier {gain: 1.5, start_epoch: 2}
  - !QuantizationModifier {submodules: [m], start_epoch: 6, disable_quantization_observer_epoch: 8}
"""


def track_of(drawn: Timeline, recipe: Recipe, name: str, quantity: str) -> list[Track]:
    """The tracks of a modifier."""
    named = [track for track in drawn.tracks if recipe.modifiers[track.index].name == name]
    return [track for track in named if track.quantity == quantity]


@pytest.mark.parametrize("steps_per_epoch", [1, 4, 7])
def test_every_modifier_has_the_track_its_schedule_gives(steps_per_epoch: int) -> None:
    recipe = parse_recipe(EVERYTHING)
    total = recipe.max_epochs * steps_per_epoch
    drawn = timeline(recipe, steps_per_epoch, total, every_step=True)
    silent = {"EpochRangeModifier"}
    assert {recipe.modifiers[track.index].name for track in drawn.tracks} | silent == {
        modifier.name for modifier in recipe.modifiers
    }
    for track in drawn.tracks:
        schedule = UpdateSchedule.of(recipe.modifiers[track.index])
        updated = [step for step in range(total) if updates(schedule, epoch_at(step, steps_per_epoch))]
        late = {step + 1 for step in updated} if track.quantity == "distillation" else set[int]()
        assert set(track.series.steps) <= {*updated, *late, total}, recipe.modifiers[track.index].name


def updates(schedule: UpdateSchedule, epoch: float) -> bool:
    """Ask a schedule at one step, and note the update."""
    ready = schedule.ready(epoch)
    if ready:
        schedule.update(epoch)
    return ready


def test_values_of_tracks() -> None:
    recipe = parse_recipe(EVERYTHING)
    drawn = timeline(recipe, 10, 90)

    def values(name: str, quantity: str, *epochs: float) -> list[float | None]:
        (track,) = track_of(drawn, recipe, name, quantity)
        return [track.series.at(epoch) for epoch in epochs]

    assert values("ACDCPruningModifier", "sparsity", 0.9, 1, 2, 3, 4, 5, 6, 7) == [None, 0, 0.5, 0, 0.5, 0, 0.5, 0.5]
    assert values("MovementPruningModifier", "sparsity", 0.3, 0.4, 3.2, 3.3) == [
        None,
        0.1,
        pytest.approx(0.565, abs=0.02),
        0.0,
    ]
    assert values("MFACPruningModifier", "sparsity", 8.9, 9.0) == [pytest.approx(0.6985, abs=1e-3), 0.7]
    assert values("ConstantPruningModifier", "zeros held", 1.9, 2, 5.9, 6) == [None, 1, 1, 0]
    assert values("LayerPruningModifier", "layers dropped", 1.4, 1.5, 8.9) == [None, 1, 1]
    assert values("TrainableParamsModifier", "trainable", 0.9, 1, 4) == [None, 0, None]
    assert values("GradualParamModifier", "value", 1.9, 2, 4, 6) == [None, 1, 2, 3]
    assert values("SetWeightDecayModifier", "weight decay", 1.9, 2) == [None, 0.2]
    assert [drawn.learning_rate.at(epoch) for epoch in (0, 2, 4, 6.9, 7)] == [0.1, 0.05, 0.025, 0.025, 0.01]
    assert [drawn.observers.at(epoch) for epoch in (5.9, 6, 8)] == [None, 1, 0]
    groups = {track.params: track.series.at(2.0) for track in track_of(drawn, recipe, "GMPruningModifier", "sparsity")}
    assert groups == {("e", "f"): 0.5, ("g",): 0.8}


def test_the_weight_of_two_teachers() -> None:
    drawn = timeline(parse_recipe(EVERYTHING), 10, 90)
    # The logits' share goes on to its end's step; layers are added before or after it, by the order of their ends.
    assert [drawn.distillation.at(epoch) for epoch in (0.9, 1, 2, 4, 4.1)] == [None, 0.5, 2.0, 2.0, 1.5]


def test_thinned_curves_keep_the_corners_of_stepped_rates() -> None:
    recipe = parse_recipe(EVERYTHING)
    thin, whole = timeline(recipe, 5000, 45000), timeline(recipe, 5000, 45000, every_step=True)
    assert len(thin.learning_rate.steps) < 1500 < len(whole.learning_rate.steps)
    for epoch in (0, 2 - 1e-4, 2.0, 4 - 1e-4, 4.0, 5.0, 7.0):
        assert thin.learning_rate.at(epoch) == whole.learning_rate.at(epoch)
