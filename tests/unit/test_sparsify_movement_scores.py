"""Movement pruning: what is scored, when, and what is left out of the scores."""

from __future__ import annotations

import pytest
import torch

from engine.errors import UserError
from engine.sparsify.behaviours.movement import MovementPruning
from tests.small_runs import SmallRun, adam, assert_resumes, batch

RECIPE = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 6}
  - !MovementPruningModifier
      params: [first.weight, second.weight]
      init_sparsity: 0.1
      final_sparsity: 0.7
      start_epoch: 2
      end_epoch: 4
      update_frequency: 1
"""


def _pruning(run: SmallRun) -> MovementPruning:
    (found,) = [item for item in run.manager.behaviours if isinstance(item, MovementPruning)]
    return found


def _score(run: SmallRun) -> torch.Tensor:
    return _pruning(run).movement[0]


def test_score_is_the_sum_of_minus_gradient_times_weight_over_every_step() -> None:
    run = SmallRun(RECIPE)
    wanted = torch.zeros_like(run.weight)
    for step in range(4):
        run.backward(step)
        assert run.weight.grad is not None
        wanted += -0.01 * run.weight.grad * run.weight.detach()
        run.manager.before_optimizer_step(step)
        torch.testing.assert_close(_score(run), wanted, atol=0, rtol=0)
        run.optimizer.step()
        run.manager.after_optimizer_step(step)


def test_what_moves_towards_zero_has_a_negative_score() -> None:
    run = SmallRun(RECIPE)
    with torch.no_grad():
        run.weight.fill_(0.5)
    run.weight.grad = torch.full_like(run.weight, 1.0)  # a step downhill makes these weights smaller
    run.weight.grad[0] = -1.0
    run.manager.before_optimizer_step(0)
    assert _score(run)[0].tolist() == pytest.approx([0.005] * 6)
    assert _score(run)[1:].flatten().tolist() == pytest.approx([-0.005] * 42)


def test_masks_come_at_their_steps_and_prune_the_lowest_scores() -> None:
    run = SmallRun(RECIPE)
    zeros = []
    for step in range(12):
        run.step(step)
        zeros.append(int((run.weight == 0).sum()))
        if step == 4:
            kept, pruned = _score(run)[run.weight != 0], _score(run)[run.weight == 0]
            assert kept.min() >= pruned.max()
    assert zeros == [0, 0, 0, 0, 5, 5, 30, 30, 34, 34, 34, 34]
    changes = [change.step for change in run.manager.drain() if change.action == "update"]
    assert changes == [4, 6, 8]


def test_scores_rest_when_pruning_is_over() -> None:
    run = SmallRun(RECIPE)
    run.steps(range(9))
    before = _score(run).clone()
    run.step(9)
    assert torch.equal(_score(run), before)
    assert run.manager.state_dict()["behaviours"][0]["state"]["movement"] == []


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_an_overflow_leaves_the_scores_alone(broken: float) -> None:
    run = SmallRun(RECIPE)
    run.step(0)
    before = [score.clone() for score in _pruning(run).movement]
    run.backward(1)
    assert run.weight.grad is not None
    run.weight.grad[0, 0] = broken
    run.manager.before_optimizer_step(1)
    first, second = _pruning(run).movement
    assert torch.equal(first, before[0])
    assert not torch.equal(second, before[1])


def test_a_frozen_parameter_keeps_its_score() -> None:
    run = SmallRun(RECIPE)
    run.weight.requires_grad_(False)
    run.step(0)
    assert int(_score(run).count_nonzero()) == 0
    assert int(_pruning(run).movement[1].count_nonzero()) > 0


def test_without_any_training_there_is_nothing_to_go_by() -> None:
    run = SmallRun(RECIPE)
    with pytest.raises(UserError, match="no step has moved the weights"):
        run.manager.before_optimizer_step(20)


def test_final_update_when_the_run_ends_with_the_schedule() -> None:
    run = SmallRun(RECIPE.replace("end_epoch: 4", "end_epoch: 6"))
    run.steps(range(12))
    assert int((run.weight == 0).sum()) < 34
    run.manager.finalize()
    assert int((run.weight == 0).sum()) == 34


@pytest.mark.parametrize("optimizer", [adam])
def test_resumes_to_the_bit(optimizer: object) -> None:
    assert_resumes(RECIPE, optimizer=optimizer)


def test_a_batch_is_the_same_every_time() -> None:
    assert torch.equal(batch(3), batch(3))
