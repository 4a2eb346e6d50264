"""Texts made to be expensive, and random ones: a recipe or a `RecipeError`, never anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.recipes import Recipe, RecipeError, parse_recipe
from engine.recipes.advice import warnings
from engine.recipes.expressions import ExpressionError, evaluate, parse_expression
from engine.recipes.timeline import timeline

DATA = Path(__file__).parents[1] / "data" / "recipes"
RECIPES = [path.read_text() for path in sorted(DATA.iterdir())]
RANGE = "modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: %s}\n"


def attempt(text: str) -> Recipe | RecipeError:
    """The recipe, or the error after a look at what it says."""
    outcome = loaded(text)
    if isinstance(outcome, RecipeError):
        assert outcome.problems
        assert "\n" not in str(outcome)
    return outcome


def loaded(text: str) -> Recipe | RecipeError:
    try:
        return parse_recipe(text)
    except RecipeError as error:
        return error


def doubling(start: str, form: str, levels: int) -> str:
    """Aliases of aliases, each level twice the one before."""
    lines = [f"a0: &a0 {start}"]
    lines += [f"a{level}: &a{level} " + form.format(f"*a{level - 1}") for level in range(1, levels)]
    return "\n".join(lines) + "\n" + RANGE % 1


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 100_000,
        "- " * 50_000,
        "\n".join(" " * depth + "a:" for depth in range(300)),
        doubling("[1, 1]", "[{0}, {0}]", 40),
        doubling("{x: 1}", "{{<<: [{0}, {0}]}}", 40),
        "a: &a [*a]\n" + RANGE % 1,
        "a: &m !EpochRangeModifier {start_epoch: 0, end_epoch: 1}\nmodifiers: [" + "*m, " * 20_000 + "]",
        "".join(f"k{number}: eval(k{number + 1} + 1)\n" for number in range(2000)) + "k2000: 1\n" + RANGE % 1,
        "".join(f"k{number}: eval({'-' * 250}k{number + 1})\n" for number in range(50)) + "k50: 1\n" + RANGE % "x",
        RANGE % ("9" * 5000),
        RANGE % ".inf",
        RANGE % "1e300",
        "modifiers:\n" + "  - !FooModifier\n" * 3000,
        "modifiers:\n  - !!python/object/apply:os.system ['true']\n",
    ],
    ids=lambda text: text[:20],
)
def test_expensive_texts_are_refused(text: str) -> None:
    assert isinstance(attempt(text), RecipeError)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.text(max_size=200))
def test_random_text(text: str) -> None:
    attempt(text)
    attempt("modifiers:\n" + text)


PIECES = st.sampled_from(
    ["!EpochRangeModifier", "modifiers:", "- ", "  ", "\n", "&a ", "*a", "<<: ", "eval(", ")", "[", "]", "{", "}", ": ",
     "start_epoch: 0", "end_epoch: 3", "'", '"', "#", "---\n", "? ", "|\n", "!", "!!int ", "%YAML 1.2\n", "null", "\t"]
)  # fmt: skip


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.lists(PIECES, max_size=40))
def test_random_pieces_of_yaml(pieces: list[str]) -> None:
    attempt("".join(pieces))


@settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(RECIPES), st.data())
def test_mutated_recipes(text: str, data: st.DataObject) -> None:
    """A published recipe with some pieces removed, doubled or replaced; what still loads also draws and saves."""
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(begin, min(begin + 30, len(text))))
        other = data.draw(st.one_of(st.just(""), PIECES, st.text(max_size=5), st.integers().map(str)))
        text = text[:begin] + other + text[end:]
    recipe = attempt(text)
    if isinstance(recipe, Recipe):
        assert parse_recipe(recipe.to_yaml()).modifiers == recipe.modifiers
        assert timeline(recipe, 5, 5 * min(max(recipe.max_epochs, 1), 50)).total_epochs >= 1
        warnings(recipe, steps_per_epoch=5)


@settings(max_examples=400, deadline=None, database=None, derandomize=True)
@given(st.text(alphabet="0123456789.+-*/%(), eabx_", max_size=40))
def test_random_expressions(text: str) -> None:
    try:
        value = evaluate(parse_expression(text), {"a": 2, "b": 0.5, "x": 10**6}.__getitem__)
    except (ExpressionError, KeyError):
        return
    assert isinstance(value, int | float)
    assert abs(value) < 2**1025
