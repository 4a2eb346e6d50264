"""Clock, updates, targets and learning rates against what SparseML 1.8 did at every step of small runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.recipes import Recipe, parse_recipe
from engine.recipes.clock import epoch_at
from engine.recipes.interpolation import alternating_sparsity_at, sparsity_at, targets
from engine.recipes.learning_rate import learning_rate_at
from engine.recipes.modifiers import (
    ACDCPruningModifier,
    GradualPruningModifier,
    LearningRateFunctionModifier,
    LearningRateModifier,
    Modifier,
    SetLearningRateModifier,
)
from engine.recipes.schedule import UpdateSchedule, update_steps
from engine.recipes.stepped_rate import stepped_learning_rate_at

Case = dict[str, Any]
RATES = (LearningRateFunctionModifier, LearningRateModifier, SetLearningRateModifier)


@pytest.fixture(scope="module")
def cases(golden_dir: Path) -> list[tuple[Case, Recipe]]:
    found = json.loads((golden_dir / "schedules.json").read_text())["cases"]
    # Where the original raised, only the steps before that say anything.
    for case in found:
        case["epoch"] = case["epoch"][: case.get("error_step", len(case["epoch"]))]
    return [(case, parse_recipe(case["recipe"], name=case["id"])) for case in found]


def replay(modifier: Modifier, case: Case) -> Iterator[tuple[int, float, UpdateSchedule, bool]]:
    """Every step of a case with the modifier's schedule after it, and whether it was updated."""
    schedule = UpdateSchedule.of(modifier)
    for step, epoch in enumerate(case["epoch"]):
        updated = schedule.ready(epoch)
        if updated:
            schedule.update(epoch)
        yield step, epoch, schedule, updated


def runs(values: list[Any]) -> list[list[Any]]:
    """A value for each step as runs of equal values."""
    return [[step, value] for step, value in enumerate(values) if step == 0 or value != values[step - 1]]


def test_the_clock_and_the_order(cases: list[tuple[Case, Recipe]]) -> None:
    for case, recipe in cases:
        steps = range(len(case["epoch"]))
        assert [epoch_at(step, case["steps_per_epoch"]) for step in steps] == case["epoch"], case["id"]
        assert [modifier.name for modifier in recipe.modifiers] == case["modifiers"], case["id"]
    assert len(cases) > 100


def test_updates_starts_and_ends(cases: list[tuple[Case, Recipe]]) -> None:
    for case, recipe in cases:
        for index, modifier in enumerate(recipe.modifiers):
            seen = [
                (step, schedule.started, schedule.ended, updated)
                for step, _, schedule, updated in replay(modifier, case)
            ]
            updates = [step for step in case["updates"][index] if step < len(case["epoch"])]
            assert [step for step, *_, updated in seen if updated] == updates, case["id"]
            leaping = update_steps(modifier, case["steps_per_epoch"], len(case["epoch"]))
            assert [step for step, _ in leaping] == updates, case["id"]
            assert next((step for step, started, *_ in seen if started), None) == case["started"][index], case["id"]
            assert next((step for step, _, ended, _ in seen if ended), None) == case["ended"][index], case["id"]


def test_targets_of_gradual_pruning_are_the_same_floats(cases: list[tuple[Case, Recipe]]) -> None:
    checked = 0
    for case, recipe in cases:
        modifier = recipe.modifiers[0]
        # 36: with one step an epoch the original never prunes by second order.
        if (
            len(recipe.modifiers) > 1
            or str(case.get("spec_item")) == "36"
            or not isinstance(modifier, GradualPruningModifier)
        ):
            continue
        finals = targets(modifier)
        applied: list[float | None] = [None] * len(finals)
        seen: list[list[float | None]] = []
        for _, epoch, _, updated in replay(modifier, case):
            if updated:
                applied = [sparsity_at(modifier, epoch, final=final, sparseml_compatible=True) for final in finals]
            seen.append(list(applied))
        column = [[step, value if value is None else sorted(set(value))] for step, value in case["columns"]["applied"]]
        ours = [[step, None if value[0] is None else sorted(set(value))] for step, value in runs(seen)]
        assert ours == column, case["id"]
        checked += 1
    assert checked >= 25


def test_targets_of_alternating_pruning(cases: list[tuple[Case, Recipe]]) -> None:
    found = [
        (case, recipe.modifiers[0]) for case, recipe in cases if isinstance(recipe.modifiers[0], ACDCPruningModifier)
    ]
    for case, modifier in found:
        applied, seen = None, []
        for _, epoch, _, updated in replay(modifier, case):
            applied = alternating_sparsity_at(modifier, epoch) if updated else applied
            seen.append(applied)
        assert runs(seen) == case["columns"]["applied"], case["id"]
    assert len(found) >= 6


def test_learning_rates_are_the_same_floats(cases: list[tuple[Case, Recipe]]) -> None:
    checked = 0
    for case, recipe in cases:
        if "lr" not in case["columns"] or not all(isinstance(modifier, RATES) for modifier in recipe.modifiers):
            continue
        assert runs(rates(case, recipe, sparseml_compatible=True)) == case["columns"]["lr"], case["id"]
        checked += 1
    assert checked >= 35


def test_learning_rates_never_leave_their_range(cases: list[tuple[Case, Recipe]]) -> None:
    overshooting = [(case, recipe) for case, recipe in cases if str(case.get("spec_item")) == "16"]
    for case, recipe in overshooting:
        ours = rates(case, recipe, sparseml_compatible=False)
        theirs = rates(case, recipe, sparseml_compatible=True)
        (modifier,) = recipe.modifiers
        low, high = sorted((modifier.init_lr, modifier.final_lr))
        assert all(
            low <= rate <= high for pair, other in zip(ours, theirs, strict=True) if pair != other for rate in pair
        )
        assert ours != theirs, case["id"]
        within = [index for index, pair in enumerate(theirs) if all(low <= rate <= high for rate in pair)]
        for index in within:
            if case["epoch"][index] <= modifier.end_epoch:
                assert ours[index] == theirs[index], case["id"]
    assert len(overshooting) >= 5


def rates(case: Case, recipe: Recipe, *, sparseml_compatible: bool) -> list[list[float]]:
    """The rates of both parameter groups at every step."""
    current = [case["optimizer"]["lr"]] * 2
    schedules = [UpdateSchedule.of(modifier) for modifier in recipe.modifiers]
    seen: list[list[float]] = []
    for step, epoch in enumerate(case["epoch"]):
        for modifier, schedule in zip(recipe.modifiers, schedules, strict=True):
            if schedule.ready(epoch):
                schedule.update(epoch)
                rate = rate_at(modifier, step, case["steps_per_epoch"], sparseml_compatible)
                for group in modifier.param_groups or (0, 1) if hasattr(modifier, "param_groups") else (0, 1):
                    current[group] = rate
        seen.append(list(current))
    return seen


def rate_at(modifier: Any, step: int, steps_per_epoch: int, sparseml_compatible: bool) -> float:
    if isinstance(modifier, SetLearningRateModifier):
        return modifier.learning_rate
    if isinstance(modifier, LearningRateModifier):
        return stepped_learning_rate_at(modifier, step, steps_per_epoch)
    epoch = epoch_at(step, steps_per_epoch)
    return learning_rate_at(modifier, epoch, steps_per_epoch, sparseml_compatible=sparseml_compatible)
