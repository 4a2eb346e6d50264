"""Structured pruning: whole rows and columns, groups that lose the same places, what does not fit."""

from __future__ import annotations

import pytest
import torch

from engine.errors import UserError
from engine.recipes import RecipeError, parse_recipe
from engine.recipes.advice import warnings
from engine.sparsify.masks import create_masks
from tests.small_runs import SmallRun, adam, assert_resumes

RECIPE = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 6}
  - !StructuredPruningModifier
      params: [first.weight]
      init_sparsity: 0.25
      final_sparsity: 0.75
      start_epoch: 1
      end_epoch: 3
      update_frequency: 1
      inter_func: linear
"""


def _empty(weight: torch.Tensor, dimension: int) -> list[int]:
    other = 1 - dimension
    return (weight == 0).all(dim=other).nonzero().flatten().tolist()


def test_whole_rows_go_those_with_the_smallest_norm_first() -> None:
    run = SmallRun(RECIPE)
    run.steps([0, 1])
    run.backward(2)
    norms = run.weight.detach().norm(dim=1)
    run.manager.before_optimizer_step(2)
    assert sorted(norms.argsort()[:2].tolist()) == _empty(run.weight, 0)
    counts = []
    for step in range(2, 12):
        run.step(step)
        counts.append(len(_empty(run.weight, 0)))
        assert int((run.weight == 0).sum()) == counts[-1] * 6
    assert counts == [2, 2, 4, 4, 6, 6, 6, 6, 6, 6]
    assert run.manager.sparsity() == (0.75, 0.75)


def test_channels_are_columns() -> None:
    run = SmallRun(RECIPE + "      mask_type: channel\n")
    run.steps(range(7))
    assert len(_empty(run.weight, 1)) == 4  # round(6 * 0.75), half to even
    assert _empty(run.weight, 0) == []


GROUPED = (
    RECIPE.replace("[first.weight]", "[first.weight, second.weight]")
    + "      param_groups: [[first.weight, second.weight]]\n"
)


def test_a_group_loses_the_same_places_by_the_sum_of_its_norms() -> None:
    run = SmallRun(GROUPED)
    second = run.model.get_parameter("second.weight")
    with torch.no_grad():
        run.weight.copy_(torch.tensor([8, 8, 1, 1, 5, 5, 3, 3.0]).reshape(8, 1).expand(8, 6) / 6**0.5)
        second.copy_(torch.tensor([1, 9, 1, 1.0]).reshape(4, 1).expand(4, 8) / 8**0.5)
    run.model.zero_grad()
    run.manager.before_optimizer_step(2)
    # Pairs of rows count by their mean beside one row of the smaller matrix: 8 + 1, 1 + 9, 5 + 1, 3 + 1.
    assert _empty(run.weight, 0) == [6, 7]
    assert _empty(second, 0) == [3]


def test_groups_of_different_targets_are_refused_and_begin_at_the_lowest() -> None:
    targets = GROUPED.replace("params: [first.weight, second.weight]", "params: []").replace(
        "final_sparsity: 0.75", "final_sparsity: {0.75: [first.weight], 0.5: [second.weight]}"
    )
    with pytest.raises(UserError, match=r"more than one final_sparsity \(0.5, 0.75\)"):
        SmallRun(targets)
    run = SmallRun(GROUPED)
    with torch.no_grad():
        run.weight[:4] = 0.0
    later = SmallRun(GROUPED.replace("init_sparsity: 0.25", "init_sparsity: __FROM_PARAM__"), model=run.model)
    later.manager.before_optimizer_step(2)
    assert later.manager.sparsity()[1] == 0.0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("params: [first.weight, second.weight]", "params: [first.weight]", "second.weight in param_groups is none"),
        ("params: [first.weight, second.weight]", "params: [third.weight]", "third.weight matches no parameter"),
    ],
)
def test_names_that_do_not_fit_the_model_are_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        SmallRun(GROUPED.replace(old, new))
    assert "\n" not in str(error.value)


def test_shapes_that_cannot_be_pruned_together_are_refused() -> None:
    recipe = GROUPED + "      mask_type: channel\n"  # 6 and 8 columns
    with pytest.raises(UserError, match=r"sizes \[6, 8\] of a group are no multiples of 6"):
        SmallRun(recipe).manager.before_optimizer_step(2)
    with pytest.raises(ValueError, match="has no dimension 1"):
        create_masks("channel", [torch.ones(4)], 0.5)


def test_a_name_twice_in_groups_is_refused_with_its_place() -> None:
    with pytest.raises(RecipeError, match=r"param_groups.*names 'first.weight' more than once"):
        parse_recipe(GROUPED.replace("[[first.weight,", "[[first.weight, first.weight,"))


def test_taking_rows_of_everything_is_mentioned() -> None:
    recipe = parse_recipe(RECIPE.replace("      params: [first.weight]\n", ""))
    assert any("output layer" in problem.message for problem in warnings(recipe))
    assert not any("output layer" in problem.message for problem in warnings(parse_recipe(RECIPE)))


def test_resumes_to_the_bit() -> None:
    assert_resumes(GROUPED, optimizer=adam)
