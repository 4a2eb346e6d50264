"""The recipe language: sources, variables, overrides, and problems at their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UserError
from engine.recipes import RecipeError, load_recipe, parse_recipe
from engine.recipes.modifiers import (
    GMPruningModifier,
    LearningRateFunctionModifier,
    MagnitudePruningModifier,
    OBSPruningModifier,
    QuantizationModifier,
    SchemeQuantizationModifier,
)
from engine.recipes.refusals import refusals
from engine.zoo import list_entries

DATA = Path(__file__).parents[1] / "data" / "recipes"

PRUNING = """\
epochs: 4
target: 0.8
modifiers:
  - !EpochRangeModifier
      start_epoch: 0
      end_epoch: eval(epochs)
  - !MagnitudePruningModifier
      params: [a.weight]
      init_sparsity: 0.05
      final_sparsity: eval(target)
      start_epoch: 1
      end_epoch: eval(epochs - 1)
      update_frequency: 0.5
"""


def problems(text: str, **options: object) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, name="recipe.yaml", **options)  # type: ignore[arg-type]
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("name", "epochs", "count"),
    [
        ("obert-30-epochs-unstructured-90.yaml", 30, 5),
        ("bert-12-layers-prune-90-quantize.md", 40, 6),
        ("obert-13-epochs-transfer-quantize.yaml", 13, 6),
    ],
)
def test_published_recipes_load_without_a_note(name: str, epochs: int, count: int) -> None:
    recipe = load_recipe(DATA / name)
    assert (recipe.max_epochs, recipe.min_epochs, len(recipe.modifiers)) == (epochs, 0, count)
    assert recipe.notes == ()
    assert recipe.text == (DATA / name).read_text()
    assert parse_recipe(recipe.to_yaml()).modifiers == recipe.modifiers


def test_published_second_order_recipe_reads_numbers_as_numbers() -> None:
    recipe = load_recipe(DATA / "obert-30-epochs-unstructured-90.yaml", recipe_args={"num_epochs": 10})
    pruning = next(item for item in recipe.modifiers if isinstance(item, OBSPruningModifier))
    rates = [item for item in recipe.modifiers if isinstance(item, LearningRateFunctionModifier)]
    assert (pruning.damp, pruning.final_sparsity, pruning.grad_sampler_kwargs) == (1e-7, 0.9, {"batch_size": 8})
    assert {rate.init_lr for rate in rates} == {8e-5}
    assert recipe.modifiers[-2].end_epoch == 30.0
    assert len(pruning.params) == 6


def test_quantization_is_chosen_by_its_fields() -> None:
    text = "modifiers:\n  - !QuantizationModifier\n      start_epoch: 1\n"
    assert type(parse_recipe(text).modifiers[0]) is SchemeQuantizationModifier
    assert type(parse_recipe(text + "      submodules: [bert.encoder]\n").modifiers[0]) is QuantizationModifier


def test_overrides_reach_expressions_and_aliases() -> None:
    text = PRUNING.replace("epochs: 4", "epochs: &epochs 4").replace("eval(epochs)", "*epochs")
    recipe = parse_recipe(text, recipe_args={"epochs": 9})
    assert recipe.max_epochs == 9
    assert recipe.modifiers[0].end_epoch == 8.0
    assert recipe.variables == {"epochs": 9, "target": 0.8}


@pytest.mark.parametrize(
    "arguments",
    ['{"epochs": 6, "target": 0.5}', "epochs=6,target=0.5", "epochs:6, target:0.5", {"epochs": 6, "target": 0.5}],
)
def test_overrides_come_as_json_pairs_or_mapping(arguments: str | dict[str, float]) -> None:
    recipe = parse_recipe(PRUNING, recipe_args=arguments)
    pruning = next(item for item in recipe.modifiers if isinstance(item, MagnitudePruningModifier))
    assert (recipe.max_epochs, pruning.final_sparsity, pruning.end_epoch) == (6, 0.5, 5.0)


def test_overrides_may_be_expressions_and_lists() -> None:
    text = PRUNING.replace("[a.weight]", "eval(names)") + "names: [x]\n"
    recipe = parse_recipe(text, recipe_args={"names": ["b", "c"], "target": "eval(epochs / 8)"})
    pruning = next(item for item in recipe.modifiers if isinstance(item, MagnitudePruningModifier))
    assert pruning.params == ("b", "c")
    assert pruning.final_sparsity == 0.5


def test_an_unknown_override_names_the_nearest_variable() -> None:
    assert problems(PRUNING, recipe_args="epoch=3") == [
        "recipe_args: the recipe has no variable 'epoch', did you mean 'epochs'?"
    ]
    assert "it has epochs, target" in problems(PRUNING, recipe_args={"zzz": 1})[0]
    assert "not of the form name=value" in problems(PRUNING, recipe_args="epochs")[0]


def test_all_problems_are_reported_with_line_column_and_suggestion() -> None:
    text = (
        PRUNING.replace("final_sparsity:", "final_sparisty:")
        .replace("init_sparsity: 0.05", "init_sparsity: 2")
        .replace("!EpochRangeModifier", "!EpochRangModifier")
    )
    assert problems(text) == [
        "recipe.yaml:4:5: unknown modifier '!EpochRangModifier', did you mean 'EpochRangeModifier'?",
        "recipe.yaml:9:22: init_sparsity of MagnitudePruningModifier must be at least 0 and at most 1, not 2",
        "recipe.yaml:10:7: unknown field 'final_sparisty' of MagnitudePruningModifier, did you mean 'final_sparsity'?",
    ]


def test_an_error_is_one_line_and_tells_how_many_more() -> None:
    with pytest.raises(UserError) as caught:
        parse_recipe("modifiers:\n" + "  - !FooModifier\n" * 9)
    assert "\n" not in caught.value.message
    assert caught.value.message.endswith("and 4 more")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x: eval(y + 1)", "unknown variable 'y'"),
        ("x: eval(epoch + 1)", "did you mean 'epochs'?"),
        ("x: eval(z)\nz: eval(x)", "variables depend on each other"),
        ("x: text\nz: eval(x * 2)", "variable 'x' is no number"),
        ("x: eval(1 / 0)", "divides by zero"),
        ("x: eval(9 ** 9 ** 9 ** 9)", "too large"),
        ("x: eval(__import__('os'))", "may call only abs, float"),
        ('x: eval(len("abc"))', "may call only abs, float"),
        ("x: eval('a')", "more than numbers, names"),
        ("x: eval(open(1))", "may call only"),
        ("x: eval((1).real)", "no arithmetic (attribute)"),
        ("x: eval(1 if 1 else 2)", "no arithmetic (ifexp)"),
        ("x: eval(1if 1else 2)", "more than numbers"),
    ],
)
def test_expressions_without_a_value(line: str, expected: str) -> None:
    found = problems(f"{line}\n{PRUNING}")
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 ** 3 // 3 % 2 - -1.5", 1.5),
        ("max(1, min(7, 3), abs(0-2)) / 4", 0.75),
        ("round(2.5) + round(3.5) + int(1.9) + float(1)", 8.0),
        ("round(1.256, ndigits=2)", 1.26),
        ("epochs / 8 + 1e-1", 0.6),
        ("-(epochs - 6)", 2),
    ],
)
def test_expressions_with_a_value(expression: str, value: float) -> None:
    assert parse_recipe(f"x: eval({expression})\n{PRUNING}").variables["x"] == value


def test_words_and_numbers_are_those_of_yaml_1_2() -> None:
    head = "off: 1e5\nyes: 5e-5\nno: 010\nx: 1_000\ny: .5\nz: '5'\nw: true\nv: 1.1.0\n"
    variables = parse_recipe(head + PRUNING).variables
    expected = {"off": 1e5, "yes": 5e-5, "no": 10, "x": 1000, "y": 0.5, "z": "5", "w": True, "v": "1.1.0"}
    assert {name: variables[name] for name in expected} == expected
    assert type(variables["w"]) is bool


def test_front_matter_ends_only_at_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "recipe.md"
    path.write_text(f"<!-- a comment -->\n---\n# ---- general ---\n{PRUNING}---\n\nmodifiers: for people\n")
    assert load_recipe(path).max_epochs == 4
    path.write_text(PRUNING)
    with pytest.raises(RecipeError, match="no front matter"):
        load_recipe(path)


def test_lines_count_from_the_top_of_a_markdown_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.md"
    path.write_text(f"<!--\n\n-->\n---\n{PRUNING.replace('init_sparsity', 'init_sparsit')}---\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert [problem.line for problem in caught.value.problems] == [13]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("recipe.txt", b"{}", "neither a .yaml"),
        ("recipe.json", b"{}", "holds no modifiers"),
        ("recipe.yaml", b"\xff\xfe\xff", "not text in UTF-8"),
        ("recipe.yaml", b"#" * 300_000, "too long"),
        ("recipe.yaml", b"", "is empty"),
        ("recipe.yaml", b"modifiers: []\n--- \na: 1\n", "second one"),
        ("recipe.yaml", b"modifiers:\n  X: {a: 1}\n", "unknown modifier 'X'"),
    ],
)
def test_files_that_are_no_recipes(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=expected):
        load_recipe(str(path))


def test_a_missing_file_and_an_unknown_stub_are_user_errors() -> None:
    with pytest.raises(RecipeError, match="does not exist"):
        load_recipe("nowhere.yaml")
    with pytest.raises(UserError):
        load_recipe("zoo:nlp/question_answering/no-such-model/pytorch/huggingface/squad/none-none")


def test_stages_see_globals_and_their_own_variables() -> None:
    text = """\
n: 4
first:
  n: eval(n / 2)
  first_modifiers:
    - !EpochRangeModifier {start_epoch: 0, end_epoch: eval(n)}
second:
  m: eval(n * 2)
  second_modifiers:
    - !EpochRangeModifier {start_epoch: eval(n / 2), end_epoch: eval(m)}
"""
    recipe = parse_recipe(text)
    assert recipe.staged
    assert [(stage.name, stage.variables) for stage in recipe.stages] == [("first", {"n": 2.0}), ("second", {"m": 8})]
    assert [modifier.end_epoch for modifier in recipe.modifiers] == [2.0, 8.0]
    overridden = parse_recipe(text, recipe_args="n=1")
    assert [modifier.end_epoch for modifier in overridden.modifiers] == [1.0, 2.0]


def test_merge_keys_and_both_forms_of_tags() -> None:
    text = """\
defaults: &defaults {start_epoch: 0, end_epoch: 3}
modifiers:
  - !pytorch.EpochRangeModifier
    <<: *defaults
    end_epoch: 5  # v1.1
"""
    recipe = parse_recipe(text)
    assert (recipe.modifiers[0].start_epoch, recipe.modifiers[0].end_epoch) == (0.0, 5.0)


def test_a_key_given_twice_is_noted() -> None:
    recipe = parse_recipe(PRUNING + "epochs: 5\n")
    assert recipe.max_epochs == 5
    assert [str(note) for note in recipe.notes] == ["recipe:14:1: 'epochs' is given twice; the last one counts"]


def test_variables_know_their_place_and_text() -> None:
    described = {item.name: item for item in parse_recipe(PRUNING + "half: eval(epochs / 2)\n").described}
    half = described["half"]
    assert (half.written, half.value, half.line, half.column) == ("eval(epochs / 2)", 2.0, 14, 7)


def test_modifiers_check_themselves_when_made_in_code() -> None:
    with pytest.raises(UserError, match="final_sparsity of GMPruningModifier must be above 0 and below 1, not 1"):
        GMPruningModifier(
            init_sparsity=0.0, final_sparsity=1.0, start_epoch=0, end_epoch=2, update_frequency=1, params=("a",)
        )


def test_what_is_refused_by_name_says_what_to_use() -> None:
    (found,) = problems("modifiers:\n  - !RigLPruningModifier\n      a: 1\n")
    assert found == (
        "recipe.yaml:2:5: RigLPruningModifier is not supported, "
        "SparseML's own cannot be constructed: use MagnitudePruningModifier or OBSPruningModifier"
    )


def test_every_bundled_recipe_loads_by_its_stub_and_can_be_run() -> None:
    stubs = [entry.stub for entry in list_entries() if entry.source == "demo" and entry.has_recipe]
    loaded = [load_recipe(stub) for stub in stubs]
    assert [recipe.source for recipe in loaded] == stubs
    assert stubs
    assert [recipe.source for recipe in loaded if recipe.notes or refusals(recipe)] == []


@pytest.mark.parametrize(
    ("tag", "suggestion"),
    [("Foo", ""), ("MagnitudPruning", "MagnitudePruningModifier"), ("Epochrange", "EpochRangeModifier")],
)
def test_only_near_modifiers_are_suggested(tag: str, suggestion: str) -> None:
    expected = f", did you mean '{suggestion}'?" if suggestion else ""
    assert problems(f"modifiers:\n  - !{tag}Modifier\n") == [
        f"recipe.yaml:2:5: unknown modifier '!{tag}Modifier'{expected}"
    ]
