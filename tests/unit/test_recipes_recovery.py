"""Texts with slips: what is broken is said, and so is what is wrong in the rest."""

from __future__ import annotations

import pytest

from engine.recipes import Problem, RecipeError, parse_recipe
from engine.recipes.draft import read_draft

MANY = """\
a: 3
b: [1, 2
c: 'x
modifiers:
  - !EpochRangeModifer {start_epoch: 0, end_epoch: 3}
  - !EpochRangeModifier
      start_epoch: 0
     end_epoch: 3
  - !MagnitudePruningModifier
      params: [x.weight]
      init_sparsity: 7
      final_sparsity: eval(b)
      start_epoch: 0 : 1
      end_epoch: *nope
      update_frequency: eval(nowhere + 1)
"""


def found(text: str, **options: object) -> list[Problem]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, name="r", **options)  # type: ignore[arg-type]
    return caught.value.problems


def test_slips_and_other_problems_are_reported_together() -> None:
    problems = found(MANY)
    assert [(problem.line, problem.column) for problem in problems] == [
        (2, 4), (3, 4), (5, 5), (8, 6), (11, 22), (13, 22), (14, 18), (15, 25),
    ]  # fmt: skip
    said = [problem.message for problem in problems]
    assert "unknown modifier '!EpochRangeModifer'" in said
    assert "there is no anchor &nope" in said
    assert "unknown variable 'nowhere'" in said


def test_what_may_stand_in_broken_lines_is_not_called_missing() -> None:
    text = "a: [1\nmodifiers:\n  - !EpochRangeModifier\n      start_epoch: eval(a)\n      end_epoch: @\n"
    assert [problem.line for problem in found(text, recipe_args={"a": 3})] == [1, 5]


def test_a_broken_item_takes_its_fields_with_it() -> None:
    text = """\
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 3}
  - !MagnitudePruningModifier : x : y
      params: [a]
  - !FooModifier
"""
    assert [problem.line for problem in found(text)] == [3, 5]


@pytest.mark.parametrize(
    ("text", "line", "column", "length", "suggestion"),
    [
        ("a: [1, 2\nb: 3\n", 1, 4, 5, "close the list"),
        ("a: {x: 1\nb: 3\n", 1, 4, 5, "close the mapping"),
        ("a: 'x\nb: 3\n", 1, 4, 2, "close the quotes"),
        ("b: 1\na: @x\n", 2, 4, 2, "quote text"),
        ("a: b: c\n", 1, 5, 3, "quote text that holds ': '"),
        ("b: 1\r\na: \x07x\r\n", 2, 4, 1, ""),
        ("a: 1\n b: 2\n", 2, 3, 3, "indentation"),
    ],
)
def test_a_slip_is_marked_where_it_begins(text: str, line: int, column: int, length: int, suggestion: str) -> None:
    slip = found(text + "modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: 1}\n")[0]
    assert (slip.line, slip.column, slip.length) == (line, column, length)
    assert suggestion in slip.suggestion


def test_problems_say_how_much_to_mark() -> None:
    text = "a: eval(b)\nmodifiers:\n  - !EpochRangeModifier\n      start_epoch: 'x'\n      ende: 3\n"
    marked = [text.split("\n")[one.line - 1][one.column - 1 :][: one.length] for one in found(text)]
    assert marked == ["eval(b)", "!EpochRangeModifier", "'x'", "ende"]


def test_problems_of_recipe_args_come_with_those_of_the_text() -> None:
    problems = found("modifiers:\n  - !FooModifier\n", recipe_args="a,b=1=2")
    assert [problem.file for problem in problems] == ["recipe_args", "recipe_args", "r"]


def test_an_alias_is_overridden_alone_and_an_anchor_with_its_aliases() -> None:
    text = "a: &a 3\nb: *a\nc: [1, eval(b)]\nmodifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: eval(a)}\n"

    def values(arguments: str) -> list[tuple[str, object, str, bool]]:
        described = parse_recipe(text, recipe_args=arguments).described
        return [(item.name, item.value, item.written, item.overridden) for item in described]

    assert values("b=7") == [("a", 3, "3", False), ("b", 7.0, "3", True), ("c", [1, 7.0], "[1, 7.0]", False)]
    assert values("a=9") == [("a", 9.0, "3", True), ("b", 9.0, "3", True), ("c", [1, 9.0], "[1, 9.0]", False)]
    places = [(item.line, item.column) for item in parse_recipe(text).described]
    assert places == [(1, 4), (2, 1), (3, 4)]


def test_a_draft_has_the_variables_of_a_broken_text() -> None:
    draft = read_draft("a: 5e-5\nb: [1\n" + MANY.split("\n", 3)[3])
    assert draft.recipe is None
    assert [(item.name, item.written) for item in draft.variables] == [("a", "5e-5")]


def test_patterns_are_checked_when_they_are_read() -> None:
    text = "modifiers:\n  - !ConstantPruningModifier {params: ['re:[']}\n"
    assert "which is no regular expression" in found(text)[0].message


def test_text_survives_saving() -> None:
    awkward = ["é 'ü' 😀", "a\nb\t\x07", "null", "1e5", "on", "- a", "#", "", " x ", "\ufeff", '"\\', "2:4", "1:30"]
    recipe = parse_recipe(
        "x: []\nmodifiers:\n  - !LayerPruningModifier {layers: eval(x)}\n", recipe_args={"x": awkward}
    )
    assert parse_recipe(recipe.to_yaml()).modifiers == recipe.modifiers
    assert recipe.modifiers[0].values()["layers"] == tuple(awkward)
