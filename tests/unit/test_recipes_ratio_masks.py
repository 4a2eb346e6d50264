"""Schedules of masks N:M: what a run would stop at is said before it."""

from __future__ import annotations

import pytest

from engine.errors import UserError
from engine.question_answering.run_checks import check_recipe
from engine.recipes import parse_recipe
from engine.recipes.advice import warnings
from engine.recipes.recipe import Recipe
from engine.recipes.refusals import refusals
from tests.small_runs import SmallRun


def recipe(fields: str, *, kind: str = "GMPruningModifier", name: str = "a", end: int = 2) -> Recipe:
    return parse_recipe(f"""
modifiers:
  - !EpochRangeModifier {{start_epoch: 0, end_epoch: {end}}}
  - !{kind} {{params: [{name}], start_epoch: 0, end_epoch: {end}, mask_type: '2:4', {fields}}}
""")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("init_sparsity: 0.0, final_sparsity: 0.5, update_frequency: 1", "wants sparsity 0.4375 at epoch 1"),
        ("init_sparsity: 0.05, final_sparsity: 0.5, update_frequency: 2", "wants sparsity 0.05 at epoch 0"),
        ("init_sparsity: 0.5, final_sparsity: 0.7, update_frequency: 2", "wants sparsity 0.7 at epoch 2"),
        ("init_sparsity: 0.5, final_sparsity: 0.5, update_frequency: 0.1", ""),
        ("init_sparsity: 0.0, final_sparsity: 0.5, update_frequency: 2", ""),
        ("init_sparsity: __FROM_PARAM__, final_sparsity: 0.5, update_frequency: 1", ""),
    ],
)
def test_a_schedule_that_leaves_the_share_of_its_masks_is_refused(fields: str, said: str) -> None:
    found = refusals(recipe(fields))
    assert [said in problem.message and problem.line == 4 for problem in found] == [True] * bool(said)
    assert refusals(recipe(fields), one_shot=True) == []


def test_alternating_pruning_needs_the_share_in_its_sparse_phases() -> None:
    fields = "compression_sparsity: %s, update_frequency: 1"
    assert refusals(recipe(fields % 0.5, kind="ACDCPruningModifier")) == []
    (found,) = refusals(recipe(fields % 0.7, kind="ACDCPruningModifier"))
    assert "masks 2:4 have 0.5" in found.message


def test_what_depends_on_the_steps_is_a_warning_until_they_are_known() -> None:
    text = recipe("init_sparsity: 0.0, final_sparsity: 0.5, update_frequency: 0.5", end=1)
    assert refusals(text) == [] == refusals(text, steps_per_epoch=1)
    assert "0.4375 at epoch 0.5" in refusals(text, steps_per_epoch=2)[0].message
    assert any("where an epoch has many steps" in problem.message for problem in warnings(text))
    assert not any("2:4" in problem.message for problem in warnings(text, steps_per_epoch=1))


def test_a_run_is_refused_before_its_first_step() -> None:
    fields = "init_sparsity: 0.0, final_sparsity: 0.5, update_frequency: 0.5"
    with pytest.raises(UserError, match=r"wants sparsity 0.4375 at epoch 0.5, masks 2:4 have 0.5"):
        SmallRun(recipe(fields, name="first.weight", end=1).text, steps=2)
    SmallRun(recipe(fields, name="first.weight", end=1).text, steps=1)


def test_the_checks_before_a_run_refuse_it_unless_it_is_one_shot() -> None:
    text = recipe("init_sparsity: 0.0, final_sparsity: 0.5, update_frequency: 1").text
    _, found = check_recipe({"recipe": text})
    assert [problem.level for problem in found] == ["error"]
    assert "wants sparsity 0.4375 at epoch 1" in found[0].message
    _, found = check_recipe({"recipe": text, "one_shot": True})
    assert "error" not in {problem.level for problem in found}
