"""A model's recipe and then a run's."""

from __future__ import annotations

import pytest

from engine.errors import UserError
from engine.recipes import compose, parse_recipe
from engine.recipes.modifiers import LayerPruningModifier, QuantizationModifier

FIRST = """\
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 3}
  - !LayerPruningModifier {layers: [encoder.1]}
  - !QuantizationModifier {start_epoch: 1, submodules: [encoder]}
  - !DistillationModifier {hardness: 1}
"""
SECOND = """\
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 2}
  - !QuantizationModifier {submodules: [encoder], disable_quantization_observer_epoch: 1}
"""


def test_changes_of_structure_outlive_the_recipe_that_made_them() -> None:
    composed = compose(parse_recipe(FIRST), parse_recipe(SECOND))
    first, second = composed.stages
    assert {item.name: item.end_epoch for item in first.modifiers} == {
        "EpochRangeModifier": 3.0,
        "DistillationModifier": 3.0,
        "LayerPruningModifier": -1.0,
        "QuantizationModifier": -1.0,
    }
    later = next(item for item in second.modifiers if isinstance(item, QuantizationModifier))
    assert (later.start_epoch, later.disable_quantization_observer_epoch, later.end_epoch) == (3.0, 4.0, -1.0)
    assert composed.max_epochs == 5


def test_a_composed_recipe_can_be_saved_loaded_and_composed_again() -> None:
    composed = compose(parse_recipe(FIRST), parse_recipe(SECOND))
    again = parse_recipe(composed.text)
    assert again.modifiers == composed.modifiers
    third = compose(again, parse_recipe(SECOND))
    assert [stage.name for stage in third.stages] == ["stage_0", "stage_1", "stage_3"]
    assert [stage.name for stage in compose(third, parse_recipe(SECOND)).stages][-1] == "stage_4"
    assert any(isinstance(item, LayerPruningModifier) for item in third.modifiers)


def test_stages_of_one_name_are_refused() -> None:
    staged = parse_recipe("a:\n  modifiers:\n    - !EpochRangeModifier {start_epoch: 0, end_epoch: 3}\n")
    with pytest.raises(UserError, match="both recipes have a stage 'a'"):
        compose(staged, staged)


def test_metadata_of_one_recipe_alone_does_not_spoil_the_result() -> None:
    composed = compose(parse_recipe("__metadata__: {level: 1, note: 'a: b'}\n" + FIRST), parse_recipe(SECOND))
    again = parse_recipe(composed.to_yaml())
    assert [stage.metadata for stage in again.stages] == [{"level": 1, "note": "a: b"}, {}]
