"""One problem hides no other: what can be told independently is told at once, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.recipes import load_recipe, parse_recipe
from engine.recipes.draft import read_draft
from engine.recipes.problems import RecipeError
from sqa_tui.recipe_reading import Question, read


def problems(fields: str, kind: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(f"modifiers:\n  - !{kind}\n" + "".join(f"    {line}\n" for line in fields.splitlines()), name="r")
    return [str(problem) for problem in caught.value.problems]


PRUNING = """\
params: [%s]
init_sparsity: 0.0
final_sparsity: 0.5
start_epoch: 2
end_epoch: 1
update_frequency: 1"""


def test_a_bad_value_does_not_hide_what_does_not_fit_together() -> None:
    assert problems(PRUNING % "a" + "\nmask_type: block5", "MagnitudePruningModifier") == [
        "r:7:16: end_epoch of MagnitudePruningModifier must be -1 or at least start_epoch (2), not 1",
        "r:9:16: mask_type of MagnitudePruningModifier must be unstructured, block4, tensorrt, a block such as [1, 4] "
        "or N:M such as 2:4, not 'block5', did you mean 'block4'?",
    ]


def test_a_missing_field_does_not_either() -> None:
    said = problems("start_epoch: 5\nend_epoch: 3\nlr_func: linaer\ninit_lr: 0.1", "LearningRateFunctionModifier")
    assert said == [
        "r:2:5: LearningRateFunctionModifier needs final_lr",
        "r:4:16: end_epoch of LearningRateFunctionModifier must be above start_epoch (5), not 3",
        "r:5:14: lr_func of LearningRateFunctionModifier must be one of linear, cosine, cyclic_linear, "
        "not 'linaer', did you mean 'linear'?",
    ]


def test_what_depends_on_a_bad_value_is_not_told() -> None:
    text = PRUNING.replace("start_epoch: 2", "start_epoch: soon") % "a"
    (said,) = problems(text, "MagnitudePruningModifier")
    assert said.startswith("r:6:18: start_epoch")


def test_every_member_of_a_list_has_its_own_place() -> None:
    said = problems(PRUNING.replace("end_epoch: 1", "end_epoch: 3") % "a, 're:(', 5, 're:*'", "GMPruningModifier")
    assert [line.split(" of ")[0] for line in said] == ["r:3:17: params", "r:3:25: params", "r:3:28: params"]


@pytest.mark.parametrize(
    ("kind", "fields", "places"),
    [
        (
            "QuantizationModifier",
            "scheme: {weights: {num_bits: 9, symetric: true}, outputs: 1, input_activations: 5}",
            ["3:24", "3:37", "3:54", "3:66"],
        ),
        ("QuantizationModifier", "submodules: [a]\nweight_qconfig_kwargs: {dtype: x, eps: 0}", ["4:29", "4:39"]),
        (
            "OBSPruningModifier",
            PRUNING.replace("end_epoch: 1", "end_epoch: 3") % "a"
            + "\ngrad_sampler_kwargs: {batch_size: 0, shufle: 1, drop_last: 2}",
            ["9:27", "9:42", "9:53"],
        ),
        (
            "LearningRateModifier",
            "lr_class: MultiStepLR\ninit_lr: 0.1\nstart_epoch: 0\n"
            "lr_kwargs: {milestnes: [1], milestones: [x], gamma: y}",
            ["6:17", "6:46", "6:50"],
        ),
    ],
)
def test_every_problem_inside_a_mapping_is_told(kind: str, fields: str, places: list[str]) -> None:
    assert [line.split(": ")[0].removeprefix("r:") for line in problems(fields, kind)] == places


@pytest.mark.parametrize(
    ("kind", "fields", "meant"),
    [
        ("LearningRateModifier", "lr_class: MultiStepLr\nlr_kwargs: {}\ninit_lr: 0.1\nstart_epoch: 0", "MultiStepLR"),
        ("GMPruningModifier", PRUNING % "a" + "\ninter_func: cubik", "cubic"),
        ("GMPruningModifier", PRUNING.replace("0.0", "__FROM_PARM__") % "a", "__FROM_PARAM__"),
        ("QuantizationModifier", "scheme: deepsparce", "deepsparse"),
    ],
)
def test_misspelt_choices_name_the_nearest(kind: str, fields: str, meant: str) -> None:
    assert any(f"did you mean '{meant}'?" in line for line in problems(fields, kind))


def test_an_aliased_problem_is_told_once() -> None:
    field = "- &first !SetLearningRateModifier {learning_rate: 2}"
    with pytest.raises(RecipeError) as caught:
        parse_recipe(f"modifiers:\n  {field}\n  - *first\n")
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("end", ["", "----\n"])
def test_front_matter_that_never_ends_is_told_at_its_beginning(end: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.md"
    path.write_text(f"text\n\n---\nmodifiers:\n{end}")
    with pytest.raises(RecipeError, match=r"recipe.md:3:1: the front matter that begins here never ends") as caught:
        load_recipe(path)
    assert str(read_draft(path.read_text(), name=str(path), markdown=True).problems[0]) == caught.value.message


def test_a_key_given_twice_is_told_beside_errors() -> None:
    text = "modifiers:\n  - !SetLearningRateModifier {learning_rate: 2, start_epoch: 1, start_epoch: 2}\n"
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    assert [note.message for note in caught.value.notes] == ["'start_epoch' is given twice; the last one counts"]
    assert [finding.level for finding in read(Question(text)).findings] == ["error", "warning"]
