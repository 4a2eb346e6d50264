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
        ("a: 1\n b: 2\n", 2, 2, 4, "indent it by 0"),
    ],
)
def test_a_slip_is_marked_where_it_begins(text: str, line: int, column: int, length: int, suggestion: str) -> None:
    slip = found(text + "modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: 1}\n")[0]
    assert (slip.line, slip.column, slip.length) == (line, column, length)
    assert suggestion in slip.suggestion


def test_problems_say_how_much_to_mark() -> None:
    text = "a: eval(b)\nmodifiers:\n  - !EpochRangeModifier\n      start_epoch: 'x'\n      last: 3\n"
    marked = [text.split("\n")[one.line - 1][one.column - 1 :][: one.length] for one in found(text)]
    assert marked == ["eval(b)", "!EpochRangeModifier", "'x'", "last"]


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


GOOD = """\
num_epochs: &epochs 30
target: 0.9
modifiers:
  - !EpochRangeModifier
      start_epoch: 0
      end_epoch: 30
  - !MagnitudePruningModifier
      params: [
        "re:a.*.weight",
        "re:b.*.weight",
      ]
      init_sparsity: 0.7
      final_sparsity: eval(target)
      start_epoch: 2
      end_epoch: eval(num_epochs)
      update_frequency: 2
lr_modifiers:
  - !LearningRateFunctionModifier
      start_epoch: 0
      end_epoch: *epochs
      lr_func: linear
      init_lr: 8e-5
      final_lr: 0
"""


@pytest.mark.parametrize(
    ("line", "written", "suggestion"),
    [
        (1, "zz # x\nnum_epochs: &epochs 30", "a line is"),
        (1, "[\nnum_epochs: &epochs 30", "close the list"),
        (3, "modifiers", "write 'modifiers:'"),
        (3, " modifiers:", "indent it by 0"),
        (4, "  - EpochRangeModifier", "write '- !EpochRangeModifier'"),
        (4, "  !EpochRangeModifier", "write '- !EpochRangeModifier'"),
        (7, "  -!MagnitudePruningModifier", "write '- !MagnitudePruningModifier'"),
        (8, "     params: [", "indent it by 6"),
        (9, '        "re:a.*.weight,', "close the quotes"),
        (11, "", "close the list"),
        (14, "     start_epoch: 2", "indent it by 6"),
        (14, "start_epoch: 2", "indent it by 6"),
        (14, "        start_epoch: 2", "indent it by 6"),
        (15, "  end_epoch: eval(num_epochs)", "indent it by 6"),
        (15, "\tend_epoch: eval(num_epochs)", "use spaces"),
        (15, "      end_epoch:30", "a space after the colon"),
        (15, "      end_epoch 30", "a line is"),
        (19, "     start_epoch: 0", "indent it by 6"),
        (22, "zz\n      init_lr: 8e-5", "a line is"),
    ],
)
def test_a_slip_in_one_line_is_one_problem(line: int, written: str, suggestion: str) -> None:
    lines = GOOD.split("\n")
    lines[line - 1] = written
    (slip,) = found("\n".join(lines))
    assert slip.line == (8 if suggestion == "close the list" and line > 1 else line)
    assert suggestion in slip.suggestion


def test_a_slip_hides_no_other_problem() -> None:
    lines = GOOD.replace("linear", "lnear").replace("0.7", "70").split("\n")
    lines[13], lines[18] = "     start_epoch: 2", "\tstart_epoch: 0"
    assert [problem.line for problem in found("\n".join(lines))] == [12, 14, 19, 21]


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "suggestion"),
    [
        ("target: 0.9", "target: 80", 13, "not 80 (from 'target' in line 2)", "did you mean 0.8?"),
        ("target: 0.9", "target: eval(a * 2)\na: 40", 14, "not 80 (from 'a' in line 3)", "did you mean 0.8?"),
        ("target: 0.9", "target: 90%", 13, "a number, not '90%' (from 'target' in line 2)", "did you mean 0.9?"),
        ("0.7", "70%", 12, "not '70%'", "did you mean 0.7?"),
        ("0.7", "0,7", 12, "not '0,7'", "did you mean 0.7?"),
        ("eval(target)", "eval(target", 13, "must be a number", "a bracket is missing: eval(target)"),
        ("eval(target)", "eval(0.3) + 0.1", 13, "must be a number", "put it all inside eval( ): eval((0.3) + 0.1)"),
        ("eval(num_epochs)", "eval(num_epochs", 15, "must be -1 or", "a bracket is missing: eval(num_epochs)"),
    ],
)
def test_what_may_be_meant_by_a_value(old: str, new: str, line: int, message: str, suggestion: str) -> None:
    (problem,) = found(GOOD.replace(old, new, 1))
    assert problem.line == line
    assert message in problem.message
    assert problem.suggestion == suggestion


def test_a_missing_space_after_a_colon_that_yaml_allows() -> None:
    text = "modifiers:\n  - !EpochRangeModifier {start_epoch:0, end_epoch:3}\n  - !EpochRangeModifier\n      a:28\n"
    assert {problem.suggestion for problem in found(text)} == {"put a space after the colon"}
    assert [problem.line for problem in found(text)] == [2, 2, 3]


def test_a_field_that_stands_outside_its_modifier_is_pointed_at() -> None:
    (problem,) = found(GOOD.replace("      final_lr", "final_lr"))
    assert (problem.line, problem.suggestion) == (18, "line 23 is not indented below it")


@pytest.mark.parametrize("text", ["\n\ud800`? ---\n? test_stage:", "\x00a: 1\n? ", "`\na: 1\n? ", "x: `\n? "])
def test_a_value_that_would_stand_behind_the_last_line(text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    assert caught.value.problems[0].line in (1, 2)
