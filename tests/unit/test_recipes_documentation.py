"""The page about recipes names every modifier, field and default."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.recipes import parse_recipe
from engine.recipes.expressions import LONGEST, MOST_BITS
from engine.recipes.modifiers import Modifier
from engine.recipes.modifiers.base import kinds, required
from engine.recipes.modifiers.kinds import LAST_EPOCH, LONGEST_PATTERN, Fixed
from engine.recipes.modifiers.training import MOST_MILESTONES
from engine.recipes.reader import DEEPEST, MOST_CHARACTERS, MOST_VALUES
from engine.recipes.recipe import MOST_MODIFIERS
from engine.recipes.registry import MODIFIERS, REFUSED
from engine.recipes.source import LIMIT
from engine.recipes.tree import DEPTH_LIMIT, MOST_NODES
from engine.recipes.variables import LONGEST_CHAIN

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


def test_the_examples_load() -> None:
    examples = [rest.split("```")[0] for rest in PAGE.split("```yaml\n")[1:]]
    assert [parse_recipe(example).max_epochs for example in examples] == [30, 6]


def test_limits_are_those_of_the_code() -> None:
    said = PAGE.split("## Limits")[1].split("##")[0]
    figures = (f"{LIMIT // 1024} kB", f"{MOST_NODES:,}; {MOST_VALUES:,} and {MOST_CHARACTERS:,} characters")
    rows = (
        f"| {MOST_MODIFIERS} |",
        f"| {DEPTH_LIMIT}; {DEEPEST} |",
        f"| {LONGEST_CHAIN} |",
        f"| {LONGEST:,} characters; ",
    )
    further = (f"{MOST_BITS:,} bits", f"| {LONGEST_PATTERN:,} characters |", f"{LAST_EPOCH:,.0f}; {MOST_MILESTONES} |")
    assert [figure for figure in (*figures, *rows, *further) if figure not in said] == []
