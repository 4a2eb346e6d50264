"""The recipe language against what SparseML 1.8 made of the same texts."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from engine.recipes import Recipe, RecipeError, compose, load_recipe, parse_recipe
from engine.recipes.modifiers.kinds import as_number
from engine.recipes.registry import MODIFIERS, OWN

Case = dict[str, Any]


@pytest.fixture(scope="module")
def cases(golden_dir: Path) -> list[Case]:
    return json.loads((golden_dir / "recipes.json").read_text())["cases"]


def load(case: Case, folder: Path) -> Recipe:
    if case["extension"] is None:
        return load_recipe(case["text"], recipe_args=case["recipe_args"])
    path = folder / f"{case['id']}.{case['extension']}"
    path.write_bytes(case["text"].encode())
    return load_recipe(path, recipe_args=case["recipe_args"])


def plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, dict) and set(value) == {"pairs"}:
        return {key: plain(member) for key, member in value["pairs"]}
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return value


def same(name: str, ours: Any, theirs: Any) -> bool:
    if name == "submodules" and ours is not None:
        # SparseML keeps them in a set, so their order in its data means nothing.
        return sorted(ours) == sorted(theirs)
    if isinstance(theirs, str) and not isinstance(ours, str):
        return ours == as_number(theirs)
    return plain(ours) == plain(theirs)


def mismatches(recipe: Recipe, result: Case) -> list[str]:
    found = [] if recipe.staged == result["staged"] else ["staged"]
    found += [] if recipe.max_epochs == result["max_epochs"] else [f"max_epochs {recipe.max_epochs}"]
    found += [] if recipe.min_epochs == result["min_epochs"] else [f"min_epochs {recipe.min_epochs}"]
    ours = [(modifier, stage.name) for stage in recipe.stages for modifier in stage.modifiers]
    theirs = settled_by_digest(result["modifiers"], ours)
    if len(ours) != len(theirs):
        return [*found, f"{len(ours)} modifiers, not {len(theirs)}"]
    for (modifier, stage), expected in zip(ours, theirs, strict=True):
        if (modifier.name, stage or None) != (expected["class"], expected.get("stage")):
            found.append(f"{modifier.name} of {stage!r} where {expected['class']} was expected")
            continue
        if modifier.implementation != expected.get("implementation", ""):
            found.append(f"{modifier.name} is {modifier.implementation}")
        found += field_mismatches(modifier, expected)
    return found


def field_mismatches(modifier: Any, expected: Case) -> list[str]:
    values = modifier.values(saved_only=True)
    found = [f"{modifier.name} has not {name}" for name in expected["properties"].keys() ^ values.keys()]
    wanted = {**expected["properties"], **expected.get("derived", {})}
    for name, value in wanted.items():
        if not same(name, getattr(modifier, name, None), value):
            found.append(f"{modifier.name}.{name} is {getattr(modifier, name, None)!r}, not {value!r}")
    return found


def settled_by_digest(theirs: list[Case], ours: list[Any]) -> list[Case]:
    """Their modifiers, neighbours that only a digest orders put in the order of ours."""
    result: list[Case] = []
    groups: list[list[Case]] = []
    for case in theirs:
        if case.get("order_by_digest") and groups:
            groups[-1].append(case)
        else:
            groups.append([case])
    for group in groups:
        for modifier, _ in ours[len(result) : len(result) + len(group)]:
            match = next((case for case in group if not field_mismatches(modifier, case)), group[0])
            group.remove(match)
            result.append(match)
    return result


def test_every_recipe_means_what_it_meant(cases: list[Case], tmp_path: Path) -> None:
    checked = 0
    wrong: dict[str, list[str]] = {}
    for case in cases:
        if "compose" in case or "error" in case["result"] or case.get("defect"):
            continue
        checked += 1
        found = mismatches(load(case, tmp_path), case["result"])
        if found:
            wrong[case["id"]] = found
    assert not wrong
    assert checked >= 40


def test_where_the_original_errs_the_meaning_counts(cases: list[Case], tmp_path: Path) -> None:
    defects = [case for case in cases if case.get("defect") and "compose" not in case]
    wrong = {
        case["id"]: found for case in defects if (found := mismatches(load(case, tmp_path), case["meant"]["result"]))
    }
    assert not wrong
    assert len(defects) >= 10


def test_invalid_recipes_are_refused_with_a_place_or_an_origin(cases: list[Case], tmp_path: Path) -> None:
    invalid = [case for case in cases if case.get("invalid") and "compose" not in case]
    for case in invalid:
        with pytest.raises(RecipeError) as caught:
            load(case, tmp_path)
        assert caught.value.problems, case["id"]
        assert all(problem.message for problem in caught.value.problems)
    assert len(invalid) >= 20


def test_composed_recipes_have_the_same_stages_and_epochs(cases: list[Case]) -> None:
    composed = [case for case in cases if "compose" in case]
    wrong: dict[str, list[str]] = {}
    for case in composed:
        first, second = (parse_recipe(text) for text in case["compose"])
        if "error" in case["result"]:
            with pytest.raises(UserError):
                compose(first, second)
            continue
        result = compose(first, second)
        assert parse_recipe(result.to_yaml()).modifiers == result.modifiers, case["id"]
        found = mismatches(result, case["result"])
        # The original gives quantization an end, which its own constructor refuses.
        found = [line for line in found if not line.startswith("QuantizationModifier.end_epoch is -1")]
        if found:
            wrong[case["id"]] = found
    assert not wrong
    assert len(composed) == 6


def test_saved_recipes_read_back_to_the_same_modifiers(cases: list[Case], tmp_path: Path) -> None:
    for case in cases:
        if "compose" in case or case.get("invalid"):
            continue
        recipe = load(case, tmp_path)
        again = parse_recipe(recipe.to_yaml())
        assert again.modifiers == recipe.modifiers, case["id"]
        assert [stage.name for stage in again.stages] == [stage.name for stage in recipe.stages], case["id"]


def test_the_data_holds_every_modifier(cases: list[Case]) -> None:
    seen = {item["class"] for case in cases for item in case["result"].get("modifiers", [])}
    assert set(MODIFIERS) - OWN == seen
