"""What the Recipe screen works out of a text and what is typed beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from engine.recipes import load_recipe
from engine.recipes.overrides import parse_recipe_args
from engine.recipes.timeline import timeline
from sqa_tui.recipe_fields import RecipeFields
from sqa_tui.recipe_files import own_recipe, read_recipe, save_recipe
from sqa_tui.recipe_reading import Question, Reading, read
from sqa_tui.recipe_template import TEMPLATE
from sqa_tui.recipe_values import arguments_of, typed_texts, typed_value
from sqa_tui.screens.recipe_charts import groups
from sqa_tui.screens.recipe_words import next_finding
from sqa_tui.widgets.recipe_syntax import parts

PRUNED = """\
modifiers:
  - !EpochRangeModifier
    start_epoch: 0.0
    end_epoch: 10.0
"""
BLOCK = """\
  - !GMPruningModifier
    params: ['{name}']
    start_epoch: 1.0
    end_epoch: 6.0
    init_sparsity: 0.05
    final_sparsity: {target}
    update_frequency: 1.0
"""


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"a": 3, "b": 0.5, "c": "linear"}, "a=3,b=0.5,c=linear"),
        ({"a": True}, "a=True"),
        ({"a": [1, 2]}, '{"a": [1, 2]}'),
        ({"a": "x,y"}, '{"a": "x,y"}'),
        ({"a": "eval(b * 2)"}, "a=eval(b * 2)"),
        ({"a": "1"}, '{"a": "1"}'),
        ({"a": None}, "a=null"),
    ],
)
def test_values_become_recipe_args_that_say_the_same(values: dict[str, Any], text: str) -> None:
    assert arguments_of(values) == text
    assert parse_recipe_args(text) == values
    assert {name: typed_value(typed) for name, typed in typed_texts(text).items()} == values


@pytest.mark.parametrize("text", ["", " ", "[1, 2", "*a", "!Modifier 1", '"a'])
def test_what_is_no_value_is_an_error_of_the_user(text: str) -> None:
    with pytest.raises(UserError):
        typed_value(text)


def test_the_value_that_makes_a_problem_is_blamed_and_the_others_are_taken() -> None:
    reading = read(Question(TEMPLATE, typed={"final_sparsity": "2", "num_epochs": "20"}))
    wrong = {variable.name: variable.wrong for variable in reading.variables or () if variable.wrong}
    assert list(wrong) == ["final_sparsity"]
    assert reading.arguments == "num_epochs=20"
    assert reading.course is None


def test_variables_are_known_while_a_modifier_is_wrong() -> None:
    reading = read(Question(TEMPLATE.replace("lr_func: linear", "lr_func: linea")))
    assert reading.errors == 1
    assert [variable.name for variable in reading.variables or ()][:2] == ["num_epochs", "init_lr"]


def test_every_schedule_is_a_group_and_equal_ones_are_one() -> None:
    names = [("a", 0.8), ("b", 0.8), ("c", 0.9)]
    recipe = load_recipe(PRUNED + "".join(BLOCK.format(name=name, target=target) for name, target in names))
    course = timeline(recipe, 10, 100)
    assert [(name, series.values[-1]) for name, series in groups(course, recipe.lines)] == [
        ("line 5+1", pytest.approx(0.8)),
        ("line 19", pytest.approx(0.9)),
    ]


def test_a_field_that_cannot_be_taken_counts_as_empty_and_says_so() -> None:
    fields = RecipeFields(epochs="-1", steps="many", typed={})
    question = fields.question(TEMPLATE, markdown=False)
    assert (question.epochs, question.steps_per_epoch) == (None, 100)
    assert [row.wrong for row in fields.rows(Reading(), ())] == [True, True, False]


def test_the_texts_own_value_is_no_change() -> None:
    reading = read(Question(TEMPLATE))
    fields = RecipeFields().with_value("$final_sparsity", "0.9", reading)
    assert fields.typed == {"final_sparsity": "0.9"}
    assert fields.with_value("$final_sparsity", "0.8", reading).typed == {}
    assert fields.with_value("$final_sparsity", "", reading).typed == {}


def test_the_next_problem_comes_round_again() -> None:
    findings = read(Question("a: eval(b)\nc: eval(d)\nmodifiers: []\n")).findings
    first = next_finding(findings, 0, 0)
    assert first is not None
    second = next_finding(findings, first.line, first.column)
    assert second is not None
    assert (first.line, second.line) == (1, 2)
    assert next_finding(findings, 9, 9) == first


def test_line_ends_are_kept_and_a_failed_save_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = TEMPLATE.replace("\n", "\r\n")
    path = own_recipe("windows")
    save_recipe(path, text)
    assert path.read_bytes() == text.encode()
    assert read_recipe(str(path)).text == text

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.runs.files.os.replace", full)
    with pytest.raises(UserError, match="No space left on device"):
        save_recipe(path, "new")
    assert path.read_bytes() == text.encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["windows.yaml"]


def test_parts_of_a_line_are_told_apart() -> None:
    line = "  - !GMPruningModifier {params: '#a', x: *b}  # why"
    found = {line[start:end]: kind for start, end, kind in parts(line)}
    assert found == {"!GMPruningModifier": "tag", "params": "key", "x": "key", "*b": "anchor", "# why": "comment"}
