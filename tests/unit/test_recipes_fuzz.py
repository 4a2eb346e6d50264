"""Random texts, damaged recipes and texts made to be expensive: a recipe or a `RecipeError`, never anything else.

What loads is saved, drawn and judged as a screen does it. `python -m benchmarks.recipe_fuzz` does the same with 10,000
texts, and watches time and execution.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any
from warnings import catch_warnings, simplefilter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.recipe_hostile import HOSTILE
from benchmarks.recipe_texts import ARGUMENTS, KINDS, PIECES, RECIPES
from engine.recipes import Problem, Recipe, RecipeError, parse_recipe
from engine.recipes.advice import warnings
from engine.recipes.draft import read_draft
from engine.recipes.expressions import ExpressionError, evaluate, parse_expression
from engine.recipes.series import MOST_POINTS
from engine.recipes.source import front_matter
from engine.recipes.timeline import timeline

QUICK = settings(
    max_examples=200, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def used(text: str, recipe_args: str | Mapping[str, Any] | None = None) -> Recipe | None:
    """Do with a text what a screen does; the recipe, or None where it has problems."""
    draft = read_draft(text, markdown=front_matter(text) is not None, recipe_args=recipe_args)
    if draft.recipe is None:
        check_problems(draft.problems, text)
        return None
    recipe = draft.recipe
    assert not draft.problems
    assert parse_recipe(recipe.to_yaml()).modifiers == recipe.modifiers
    drawn = timeline(recipe, 5533, 5533 * max(recipe.max_epochs, 1))
    assert len(drawn.learning_rate.steps) <= 30 * MOST_POINTS
    warnings(recipe, steps_per_epoch=5533)
    return recipe


def check_problems(problems: Sequence[Problem], text: str) -> None:
    """Every problem has words, and a place inside the text where it has one at all."""
    assert problems
    assert "\n" not in str(RecipeError(problems))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in problems:
        assert problem.message
        assert 0 <= problem.line <= len(lines) + 1
        assert (problem.column >= 1) == (problem.line >= 1)
        if problem.length:
            assert problem.column - 1 + problem.length <= len(lines[problem.line - 1])


@QUICK
@given(st.text(max_size=200))
def test_random_text(text: str) -> None:
    used(text)
    used("modifiers:\n" + text)


@QUICK
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_random_pieces_of_yaml(pieces: list[str]) -> None:
    used("".join(pieces))


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"hostile", "text", "pieces"}))
@settings(QUICK, max_examples=60)
@given(seed=st.integers(0, 2**32), recipe_args=st.sampled_from((None, None, None, *ARGUMENTS)))
def test_damaged_recipes(kind: str, seed: int, recipe_args: Any) -> None:
    used(KINDS[kind](random.Random(seed)), recipe_args)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
@pytest.mark.parametrize("size", [3, 2000])
def test_texts_made_to_be_expensive(number: int, size: int) -> None:
    used(HOSTILE[number](size))


@pytest.mark.parametrize("text", RECIPES, ids=range(len(RECIPES)))
def test_what_is_damaged_was_right_before(text: str) -> None:
    assert isinstance(used(text), Recipe)


@settings(QUICK, max_examples=400)
@given(st.text(alphabet="0123456789.+-*/%(), eabxifor_", max_size=40))
def test_random_expressions(text: str) -> None:
    try:
        with catch_warnings():
            # Python's parser warns about some texts on stderr.
            simplefilter("error")
            tree = parse_expression(text)
        value = evaluate(tree, {"a": 2, "b": 0.5, "x": 10**6}.__getitem__)
    except (ExpressionError, KeyError):
        return
    assert isinstance(value, int | float)
    assert abs(value) < 2**1025
