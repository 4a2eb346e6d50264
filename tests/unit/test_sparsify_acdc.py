"""Alternating pruning: dense and sparse phases, the optimizer's momentum, what reports say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from engine.recipes import RecipeError, parse_recipe
from engine.recipes.advice import warnings
from engine.recipes.clock import epoch_at
from engine.recipes.timeline import timeline
from tests.small_runs import STEPS_PER_EPOCH, MakeOptimizer, SmallRun, adam, assert_resumes, momentum

RECIPE = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 6}
  - !ACDCPruningModifier
      params: [first.weight, second.weight]
      compression_sparsity: 0.75
      start_epoch: 1
      end_epoch: 5
      update_frequency: 1
      global_sparsity: false
"""


def plain(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1)


def _zeros(run: SmallRun) -> int:
    return int((run.weight == 0).sum())


def test_phases_alternate_and_the_last_is_sparse() -> None:
    run = SmallRun(RECIPE)
    zeros = []
    for step in range(12):
        run.step(step)
        zeros.append(_zeros(run))
    assert zeros == [0, 0, 0, 0, 36, 36, 0, 0, 36, 36, 36, 36]
    run.manager.finalize()
    assert _zeros(run) == 36
    assert run.manager.sparsity() == (0.75, 0.75)


def test_reports_tell_real_zeros_and_no_target_in_a_dense_phase() -> None:
    run = SmallRun(RECIPE)
    run.steps(range(5))
    assert run.manager.sparsity() == (0.75, 0.75)
    run.step(5)
    run.weight.requires_grad_(False)  # what was pruned stays zero now although nothing prunes it
    run.model.zero_grad()
    run.steps([6])
    real, target = run.manager.sparsity()
    layers = {layer.name: layer for layer in run.manager.layers()}
    assert (layers["first.weight"].sparsity, layers["first.weight"].target) == (0.75, 0.0)
    assert (layers["second.weight"].sparsity, layers["second.weight"].target) == (0.0, 0.0)
    assert (real, target) == (36 / 80, 0.0)


def test_weights_that_were_pruned_are_trained_again_in_a_dense_phase() -> None:
    run = SmallRun(RECIPE)
    run.steps(range(6))
    run.backward(6)
    assert run.weight.grad is not None
    assert torch.all(run.weight.grad[run.weight == 0] == 0)
    run.manager.before_optimizer_step(6)
    run.optimizer.step()
    run.manager.after_optimizer_step(6)
    run.backward(7)
    assert int((run.weight.grad == 0).sum()) == 0


@pytest.mark.parametrize(
    ("optimizer", "compatible", "name", "forgotten"),
    [
        (momentum, False, "momentum_buffer", True),
        (momentum, True, "momentum_buffer", True),
        (adam, False, "exp_avg", True),
        (adam, True, "exp_avg", False),
        (adam, False, "exp_avg_sq", False),
    ],
)
def test_a_dense_phase_begins_without_momentum(
    optimizer: MakeOptimizer, compatible: bool, name: str, forgotten: bool
) -> None:
    run = SmallRun(RECIPE, optimizer=optimizer, compatible=compatible)
    moving = []
    for step in range(8):
        run.step(step)
        moving.append(any(bool(state[name].any()) for state in run.optimizer.state.values()))
    assert moving == [True] * 6 + [not forgotten, True]


def test_momentum_stays_if_the_recipe_says_so_or_there_is_none() -> None:
    run = SmallRun(RECIPE + "      momentum_buffer_reset: false\n")
    run.steps(range(7))
    assert all(bool(state["momentum_buffer"].any()) for state in run.optimizer.state.values())
    run = SmallRun(RECIPE, optimizer=plain)
    run.steps(range(8))
    assert run.manager.sparsity()[1] == 0.0


def test_lets_go_at_the_end_without_leave_enabled() -> None:
    run = SmallRun(RECIPE + "      leave_enabled: false\n")
    run.steps(range(10))
    assert _zeros(run) == 36
    run.steps([10])
    assert _zeros(run) == 0


def test_one_threshold_for_all_by_default() -> None:
    run = SmallRun(RECIPE.replace("      global_sparsity: false\n", ""))
    with torch.no_grad():
        run.weight.mul_(100)
    run.steps(range(5))
    assert _zeros(run) == 28
    assert int((run.model.get_parameter("second.weight") == 0).sum()) == 32


@pytest.mark.parametrize("optimizer", [momentum, adam])
def test_resumes_to_the_bit(optimizer: MakeOptimizer) -> None:
    assert_resumes(RECIPE, optimizer=optimizer)


def _advice(recipe: str, **settings: Any) -> list[str]:
    return [problem.message for problem in warnings(parse_recipe(recipe), **settings)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("end_epoch: 5", "end_epoch: -1", "has no end, so it is never dense"),
        ("update_frequency: 1", "update_frequency: 4", "has no room for a dense phase"),
        ("end_epoch: 5", "end_epoch: 5\n      leave_enabled: false", "lets go at epoch 5"),
    ],
)
def test_a_recipe_that_does_not_alternate_or_ends_dense_is_told(old: str, new: str, said: str) -> None:
    assert any(said in message for message in _advice(RECIPE.replace(old, new)))
    assert not _advice(RECIPE)


def test_a_run_that_is_over_in_a_dense_phase_is_told() -> None:
    assert any("dense phase when the run ends at epoch 4" in text for text in _advice(RECIPE, epochs=4.0))
    assert not any("dense phase when" in text for text in _advice(RECIPE, epochs=3.0))


@pytest.mark.parametrize("compatible", [False, True])
@pytest.mark.parametrize("start", ["1", "-1"])
def test_the_timeline_tells_what_a_run_does(compatible: bool, start: str) -> None:
    recipe = RECIPE.replace("start_epoch: 1", f"start_epoch: {start}")
    run = SmallRun(recipe, compatible=compatible)
    told = timeline(parse_recipe(recipe), STEPS_PER_EPOCH, 12, sparseml_compatible=compatible).sparsity
    for step in range(12):
        run.step(step)
        assert told.at(epoch_at(step, STEPS_PER_EPOCH)) == run.manager.sparsity()[1], step


@pytest.mark.parametrize(("frequency", "said"), [("0.5", "whole number"), ("0", "at least 1"), ("-1", "at least 1")])
def test_phases_of_no_whole_length_are_refused(frequency: str, said: str) -> None:
    with pytest.raises(RecipeError) as error:
        parse_recipe(RECIPE.replace("update_frequency: 1", f"update_frequency: {frequency}"))
    (problem,) = error.value.problems
    assert said in problem.message
