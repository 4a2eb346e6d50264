"""The page about recipes names every modifier, field and default."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.recipes import parse_recipe
from engine.recipes.modifiers import Modifier
from engine.recipes.modifiers.base import kinds, required
from engine.recipes.modifiers.kinds import Fixed
from engine.recipes.registry import MODIFIERS, REFUSED

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()


@pytest.mark.parametrize("modifier", MODIFIERS.values(), ids=lambda modifier: modifier.name)
def test_every_field_is_in_the_row_of_its_modifier(modifier: type[Modifier]) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| **{modifier.name}** |")]
    _, _, needed, given, *_ = row.split("|")
    assert [name for name in required(modifier) if f"`{name}`" not in needed] == []
    optional = {name for name, kind in kinds(modifier).items() if not isinstance(kind, Fixed)} - set(required(modifier))
    assert [name for name in optional if f"`{name}` (" not in given] == []


def test_refused_modifiers_are_named() -> None:
    assert [name for name in REFUSED if f"`{name}`" not in PAGE] == []


def test_the_example_loads() -> None:
    example = PAGE.split("```yaml\n")[1].split("```")[0]
    assert parse_recipe(example).max_epochs == 30
