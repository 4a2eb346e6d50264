"""Cards: the recipe that is asked for, what can be done with folders, and figures that are inferred."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.zoo import resolve_recipe
from engine.zoo.card import show
from engine.zoo.card_facts import CardFact
from engine.zoo.catalogue import facts
from engine.zoo.demo import FAMILY
from engine.zoo.local import own_root
from engine.zoo.marker import Marker, write_marker
from engine.zoo.source import ZooFile

PRUNED = f"zoo:{FAMILY}/pruned80-none"
QA = "zoo:nlp/question_answering"
FAMOUS = f"{QA}/bert-base/pytorch/huggingface/squad/pruned90-none"


@pytest.fixture
def famous() -> Path:
    """A folder of a known stub with two recipes and no default one."""
    folder = own_root() / FAMOUS.removeprefix("zoo:")
    folder.mkdir(parents=True)
    for name in ("original", "transfer"):
        (folder / f"recipe_{name}.md").write_text(name)
    return folder


def dense_f1(name: str) -> CardFact | None:
    return next((fact for fact in show(name).facts if fact.label == "dense F1"), None)


def test_a_recipe_that_is_not_there_is_an_error_that_names_those_that_are(famous: Path):
    with pytest.raises(UserError, match="no recipe 'bogus'") as raised:
        show(f"{PRUNED}?recipe_type=bogus")
    assert raised.value.hint == "drop '?recipe_type=bogus' for the default one"
    with pytest.raises(UserError, match="no recipe 'bogus'") as raised:
        show(f"{FAMOUS}?recipe_type=bogus")
    assert raised.value.hint == "there: ?recipe_type=original, ?recipe_type=transfer"


def test_the_recipe_that_is_asked_for_comes_first(famous: Path):
    assert [recipe.name for recipe in show(FAMOUS).recipes] == ["original", "transfer"]
    card = show(f"{FAMOUS}?recipe_type=transfer")
    assert [recipe.name for recipe in card.recipes] == ["transfer", "original"]
    assert f"its recipe transfer: --recipe '{FAMOUS}?recipe_type=transfer'" in card.advice


def test_a_recipe_that_no_document_mentions_is_said():
    stub = "zoo:nlp/masked_language_modeling/bert-base/pytorch/huggingface/wikipedia_bookcorpus"
    known = f"{stub}/12layer_pruned80_quant-none-vnni?recipe_type="
    assert "no document mentions a recipe 'bogus'" in show(f"{known}bogus").notes[0]
    assert not any("no document" in note for note in show(f"{known}transfer-question_answering").notes)


@pytest.mark.parametrize("name", ["mine", "with a blank"])
def test_a_folder_of_a_recipe_or_an_export_is_not_to_be_fetched(tmp_path: Path, name: str):
    folder = tmp_path / name
    (folder / "deployment").mkdir(parents=True)
    (folder / "deployment" / "model.onnx").write_bytes(b"0")
    exported = show(str(folder))
    assert exported.title == f"{name}, an exported model"
    (folder / "recipe_one.yaml").write_text("x")
    (folder / "recipe_two.yaml").write_text("x")
    advice = show(str(folder)).advice
    assert not any("fetch" in line for line in (*exported.advice, *advice))
    recipe = shlex.split(advice[0])[-1]
    assert resolve_recipe(recipe) == folder / "recipe_one.yaml"
    assert shlex.split(advice[2])[4] == str(folder / "deployment")
    assert advice[3].startswith("there is no model in the folder")


def test_flags_of_a_folder_with_blanks_are_quoted(tmp_path: Path):
    folder = tmp_path / "my model"
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["BertForQuestionAnswering"]}')
    (folder / "model.safetensors").write_bytes(b"0")
    assert show(str(folder)).advice == (
        f"as a model: --model_name_or_path '{folder}'",
        f"as a teacher: --distill_teacher '{folder}'",
    )


def test_a_broken_download_is_said_by_its_path():
    folder = own_root() / "huggingface" / "some" / "model"
    folder.mkdir(parents=True)
    files = (ZooFile(path="config.json", size=2),)
    write_marker(folder, Marker(name="some/model", source="hub", fetched=0.0, parts=("model",), files=files))
    with pytest.raises(UserError, match="lost or broke a file") as raised:
        show(str(folder))
    assert raised.value.hint == "fetch it again: sqa-tui zoo fetch some/model"


@pytest.mark.parametrize(
    ("stub", "baseline", "value"),
    [
        (
            "obert-large/pytorch/huggingface/squad/pruned95-none-vnni",
            f"{QA}/obert-large",
            "89.652; this one keeps 100.",
        ),
        (
            "bert-base/pytorch/huggingface/squad/pruned90-none",
            "RedHatAI/oBERT-teacher-squadv1",
            "88.54; this one keeps",
        ),
        ("obert-base/pytorch/huggingface/squad/pruned90-none", "RedHatAI/oBERT-teacher-squadv1", "88.54; this one"),
    ],
)
def test_the_dense_f1_that_no_document_names_is_inferred(stub: str, baseline: str, value: str):
    found = dense_f1(f"{QA}/{stub}")
    assert found is not None
    assert found.kind == "inferred"
    assert baseline in found.source
    assert found.value.startswith(value)


def test_a_dense_f1_for_unknown_layers_says_so():
    found = dense_f1("Intel/bert-base-uncased-squadv1.1-sparse-80-1x4-block-pruneofa")
    assert found is not None
    assert found.source == "that of RedHatAI/oBERT-teacher-squadv1, of the same shape, if this one has all its layers"


def test_no_dense_f1_is_inferred_from_other_layers_or_beside_a_stated_one():
    assert dense_f1(f"{QA}/mobilebert-none/pytorch/huggingface/squad/14layer_pruned50-none-vnni") is None
    for fact in facts():
        found = dense_f1(fact.id)
        assert (found is not None and found.kind == "stated") == (fact.baseline_f1 is not None), fact.id
        assert found is None or fact.sparsity != 0 or fact.baseline_f1 is not None
