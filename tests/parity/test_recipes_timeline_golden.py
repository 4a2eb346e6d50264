"""Timelines against what SparseML 1.8 did at every step of small runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.recipes import Recipe, parse_recipe
from engine.recipes.modifiers import ACDCPruningModifier, ConstantPruningModifier
from engine.recipes.timeline import Timeline, timeline

Case = dict[str, Any]
Drawn = list[tuple[Case, Recipe, Timeline]]


@pytest.fixture(scope="module")
def drawn(golden_dir: Path) -> Drawn:
    found: Drawn = []
    for case in json.loads((golden_dir / "schedules.json").read_text())["cases"]:
        # Where the original raised, only the steps before that say anything.
        case["epoch"] = case["epoch"][: case.get("error_step", len(case["epoch"]))]
        recipe = parse_recipe(case["recipe"], name=case["id"])
        course = timeline(recipe, case["steps_per_epoch"], case["steps"], sparseml_compatible=True, every_step=True)
        found.append((case, recipe, course))
    return found


def column(case: Case, name: str) -> list[Any]:
    """The value of every step."""
    spread: list[Any] = []
    for (first, value), following in zip(case["columns"][name], [*case["columns"][name][1:], None], strict=True):
        spread += [value] * ((following[0] if following else len(case["epoch"])) - first)
    return spread[: len(case["epoch"])]


def test_learning_rates(drawn: Drawn) -> None:
    checked = 0
    for case, _, course in drawn:
        if "lr" not in case["columns"]:
            continue
        before = case["optimizer"]["lr"]
        ours = [course.learning_rate.at(epoch) for epoch in case["epoch"]]
        assert [before if rate is None else rate for rate in ours] == [rates[0] for rates in column(case, "lr")]
        checked += 1
    assert checked >= 35


def test_weight_decay(drawn: Drawn) -> None:
    checked = 0
    for case, recipe, course in drawn:
        if "weight_decay" not in case["columns"] or len(recipe.modifiers) > 1:
            continue
        (track,) = course.tracks
        group = (getattr(recipe.modifiers[0], "param_groups", None) or [0])[0]
        initial = column(case, "weight_decay")[0][group] if track.series.steps[0] else None
        ours = [track.series.at(epoch) for epoch in case["epoch"]]
        wanted = [decay[group] for decay in column(case, "weight_decay")]
        assert [initial if decay is None else decay for decay in ours] == wanted, case["id"]
        checked += 1
    assert checked >= 4


def test_targets_and_releases_of_each_pruning_modifier(drawn: Drawn) -> None:
    checked = 0
    for case, recipe, course in drawn:
        pruning = [index for index, item in enumerate(recipe.modifiers) if item.acts_on == "pruning"]
        if not pruning or "applied" not in case["columns"]:
            continue
        for place, index in enumerate(pruning):
            series = [track.series for track in course.tracks if track.index == index]
            for step, epoch in enumerate(case["epoch"]):
                ours = sorted({each.at(epoch) for each in series}, key=str)
                wanted = _target(case, recipe, index, place, len(pruning), step)
                assert ours == pytest.approx(wanted, abs=1e-12), (case["id"], step)
        checked += 1
    assert checked >= 40


def _target(case: Case, recipe: Recipe, index: int, place: int, count: int, step: int) -> list[float | None]:
    """What is aimed at after a step: nothing once the mask is let go, 1 for zeros that are held."""
    masking, applied = column(case, "masking")[step][place], column(case, "applied")[step]
    if isinstance(recipe.modifiers[index], ConstantPruningModifier):
        started = case["started"][index] is not None and step >= case["started"][index]
        return [float(masking)] if started else [None]
    own = applied[place] if count > 1 and isinstance(applied, list) else applied
    if own is None:
        return [None]
    if not masking and not isinstance(recipe.modifiers[index], ACDCPruningModifier):
        return [0.0]
    return sorted(set(own), key=str) if isinstance(own, list) else [own]


def test_quantization_observers_and_teachers(drawn: Drawn) -> None:
    checked = 0
    for case, _, course in drawn:
        for step, epoch in enumerate(case["epoch"]):
            if "fake_quant" in case["columns"]:
                placed, rounding, observing = column(case, "fake_quant")[step]
                assert bool(course.quantization.at(epoch)) == bool(placed and rounding), (case["id"], step)
                # Observers of listed leaf modules never freeze in the original; a recipe does not say which are leaves.
                if str(case.get("spec_item")) != "10":
                    assert bool(course.observers.at(epoch)) == bool(observing), (case["id"], step)
            if "distilled" in case["columns"]:
                assert bool(course.distillation.at(epoch)) == bool(column(case, "distilled")[step]), (case["id"], step)
        checked += bool({"fake_quant", "distilled"} & case["columns"].keys())
    assert checked >= 12


def test_layers_and_trainable_parameters(drawn: Drawn) -> None:
    checked = 0
    for case, recipe, course in drawn:
        if "layers" not in case["columns"] or len(recipe.modifiers) > 1:
            continue
        (track,) = course.tracks
        ours = [bool(track.series.at(epoch)) for epoch in case["epoch"]]
        assert ours == ["Identity" in layers for layers in column(case, "layers")], case["id"]
        checked += 1
    assert checked >= 5
