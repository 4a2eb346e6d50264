"""Values put into parameters: when, which, and what does not fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.errors import UserError
from engine.recipes import parse_recipe
from engine.recipes.clock import epoch_at
from engine.recipes.timeline import timeline
from tests.small_runs import STEPS_PER_EPOCH, SmallRun, adam, assert_resumes

SET = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 6}
  - !SetParamModifier
      params: [second.bias]
      val: [1.0, -2, 3.0, 0.5]
      start_epoch: 1
"""
GRADUAL = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 6}
  - !GradualParamModifier
      params: [second.bias]
      init_val: [0.0, 0, 0, 0]
      final_val: [8.0, 4.0, 0.0, -8.0]
      start_epoch: 1
      end_epoch: 3
      update_frequency: 0.5
"""


def still(model: nn.Module) -> torch.optim.Optimizer:
    """Nothing but the modifiers moves the weights."""
    return torch.optim.SGD(model.parameters(), lr=0.0)


def _bias(run: SmallRun) -> list[float]:
    return run.model.get_parameter("second.bias").tolist()


def _course(run: SmallRun, steps: int = 12) -> list[list[float]]:
    course = []
    for step in range(steps):
        run.step(step)
        course.append(_bias(run))
    return course


def test_constant_is_copied_once_and_trained_from_there() -> None:
    run = SmallRun(SET, optimizer=still)
    before = _bias(run)
    assert _course(run, 4) == [before, before, [1.0, -2.0, 3.0, 0.5], [1.0, -2.0, 3.0, 0.5]]
    moving = SmallRun(SET)
    course = _course(moving, 4)
    assert course[2] != [1.0, -2.0, 3.0, 0.5]
    assert course[3] != course[2]


def test_a_number_stands_for_all_members_of_every_parameter() -> None:
    run = SmallRun(
        SET.replace("[1.0, -2, 3.0, 0.5]", "0.25").replace("[second.bias]", '["re:.*bias"]'), optimizer=still
    )
    run.steps(range(3))
    assert _bias(run) == [0.25] * 4
    assert run.model.get_parameter("first.bias").tolist() == [0.25] * 8


def test_a_value_does_not_lift_a_mask() -> None:
    pruning = """
  - !MagnitudePruningModifier
      {params: [second.bias], init_sparsity: 0.5, final_sparsity: 0.5, start_epoch: 0,
       end_epoch: 6, update_frequency: 3}
"""
    run = SmallRun(SET.rstrip() + pruning, optimizer=still)
    run.steps(range(3))
    assert sorted(map(bool, _bias(run))) == [False, False, True, True]


def test_values_move_at_their_updates() -> None:
    run = SmallRun(GRADUAL, optimizer=still)
    start = _bias(run)
    shares = [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]
    assert _course(run) == [start, start] + [[8 * s, 4 * s, 0.0, -8 * s] for s in shares]


@pytest.mark.parametrize(
    ("compatible", "start", "wanted"),
    [
        (False, "1", [0.0, 0.578125, 0.875, 0.984375, 1.0]),
        (True, "1", [0.0, 0.25, 0.5, 0.75, 1.0]),
        (False, "-1", [0.0, 1 - (5 / 6) ** 3]),
        (True, "-1", [0.25, 0.375]),
    ],
)
def test_the_course_is_heeded_unless_compatible(compatible: bool, start: str, wanted: list[float]) -> None:
    recipe = GRADUAL.replace("start_epoch: 1", f"start_epoch: {start}") + "      inter_func: cubic\n"
    run = SmallRun(recipe, optimizer=still, compatible=compatible)
    first = 2 if start == "1" else 0
    course = [bias[0] / 8 for bias in _course(run, first + len(wanted))]
    assert course[first:] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("compatible", [False, True])
def test_the_final_value_is_reached_although_the_run_ends_at_the_end(compatible: bool) -> None:
    run = SmallRun(GRADUAL, optimizer=still, steps=6, compatible=compatible)
    run.steps(range(6))
    run.manager.finalize()
    assert _bias(run)[0] == (6.0 if compatible else 8.0)


def test_a_run_that_stops_before_the_end_keeps_its_values() -> None:
    run = SmallRun(GRADUAL, optimizer=still, steps=5)
    run.steps(range(5))
    run.manager.finalize()
    assert _bias(run)[0] == 4.0


@pytest.mark.parametrize(
    ("recipe", "old", "new", "said"),
    [
        (SET, "second.bias", "third.bias", "third.bias matches no parameter"),
        (SET, "[1.0, -2, 3.0, 0.5]", "[1.0, 2.0]", r"shape \[2\], second.bias has \[4\]"),
        (SET, "[1.0, -2, 3.0, 0.5]", "[[1.0], [2.0, 3.0]]", "neither a number nor lists of numbers"),
        (SET, "[1.0, -2, 3.0, 0.5]", "many", "neither a number nor lists of numbers"),
        (SET, "[1.0, -2, 3.0, 0.5]", "[1.0, .nan]", "val of SetParamModifier must be finite, not nan"),
        (SET, "[1.0, -2, 3.0, 0.5]", "[1, x]", "lists of numbers: it holds 'x'"),
        (SET, "[second.bias]", "[]", "params of SetParamModifier must name at least one parameter"),
        (GRADUAL, "[8.0, 4.0, 0.0, -8.0]", "[[8.0]]", r"must have the shape of init_val, \[4\], not \[1, 1\]"),
        (GRADUAL, "[second.bias]", "[first.bias]", r"init_val of GradualParamModifier has the shape \[4\], first.bias"),
    ],
)
def test_what_does_not_fit_is_one_line_before_the_first_step(recipe: str, old: str, new: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        SmallRun(recipe.replace(old, new))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("recipe", [SET, GRADUAL])
def test_resumes_to_the_bit(recipe: str) -> None:
    assert_resumes(recipe, optimizer=adam)


@pytest.mark.parametrize("compatible", [False, True])
def test_the_timeline_tells_what_a_run_does(compatible: bool) -> None:
    recipe = GRADUAL.replace("start_epoch: 1", "start_epoch: -1") + "      inter_func: cubic\n"
    scalar = recipe.replace("[0.0, 0, 0, 0]", "0.0").replace("[8.0, 4.0, 0.0, -8.0]", "8.0")
    run = SmallRun(scalar, optimizer=still, compatible=compatible, steps=6)
    (track,) = timeline(parse_recipe(scalar), STEPS_PER_EPOCH, 6, sparseml_compatible=compatible).tracks
    for step in range(6):
        run.step(step)
        assert _bias(run)[0] == pytest.approx(track.series.at(epoch_at(step, STEPS_PER_EPOCH)), abs=1e-6)
    run.manager.finalize()
    assert _bias(run)[0] == pytest.approx(track.series.values[-1], abs=1e-6)
