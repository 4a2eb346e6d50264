"""What a text means as a model, teacher or recipe, and what an error tells to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.recipes import load_recipe
from engine.runs.paths import home
from engine.zoo import find_entry, list_entries, resolve_model, resolve_recipe, resolve_teacher
from engine.zoo.catalogue import facts
from engine.zoo.demo import DATA, FAMILY, dataset_file
from engine.zoo.demo.publish import publish, train_command
from engine.zoo.stubs import is_stub, normalise

DENSE = f"zoo:{FAMILY}/base-none"
PRUNED = f"zoo:{FAMILY}/pruned80-none"
QUANTISED = f"zoo:{FAMILY}/pruned80_quant-none"
FAMOUS = "zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad/pruned90-none"
FAMOUS_NAME = "zoo:bert-base-squad_wikipedia_bookcorpus-pruned90"


def model_folder(folder: Path, name: str = "config.json") -> Path:
    folder.mkdir(parents=True)
    (folder / name).write_text('{"num_hidden_layers": 3}')
    return folder


def test_the_demo_teacher_is_a_folder_with_its_files():
    folder = resolve_model(DENSE)
    assert isinstance(folder, Path)
    assert {"config.json", "model.safetensors", "tokenizer.json", "vocab.txt"} <= {
        file.name for file in folder.iterdir()
    }
    assert resolve_teacher(DENSE) == folder


@pytest.mark.parametrize("stub", [PRUNED, QUANTISED])
def test_demo_recipes_are_files_and_their_models_need_a_run(stub: str):
    assert resolve_recipe(stub).read_text().count("!DistillationModifier") == 1
    with pytest.raises(UserError, match="no run has made the model") as raised:
        resolve_model(stub)
    assert f"--recipe {stub}" in raised.value.hint


def test_a_published_run_is_the_model_of_its_recipe(tmp_path: Path):
    output = model_folder(tmp_path / "output")
    (output / "model.safetensors").write_bytes(b"first")
    model_folder(output / "deployment", "model.onnx")
    publish(PRUNED, output)
    (output / "model.safetensors").write_bytes(b"second")
    folder = publish(PRUNED, output)
    assert resolve_model(PRUNED) == folder / "training"
    assert (folder / "training" / "model.safetensors").read_bytes() == b"second"
    assert (folder / "deployment" / "model.onnx").is_file()
    assert [path.name for path in folder.parent.iterdir()] == ["pruned80-none"]
    entry = find_entry(PRUNED)
    assert entry is not None
    assert (entry.has_model, entry.has_recipe, entry.source, entry.note) == (True, True, "demo", "")


def test_publishing_refuses_what_is_no_demo_recipe_or_no_model(tmp_path: Path):
    with pytest.raises(UserError, match="not a demo recipe"):
        publish(FAMOUS, model_folder(tmp_path / "output"))
    with pytest.raises(UserError, match="no model to publish"):
        publish(PRUNED, tmp_path)
    assert not (home() / "zoo").exists()


def test_only_the_two_recipes_are_made_by_runs():
    assert "--recipe" in train_command(PRUNED)
    with pytest.raises(UserError, match="not a demo recipe"):
        publish(DENSE, ".")


@pytest.mark.parametrize("stub", [FAMOUS, FAMOUS_NAME])
def test_a_known_model_that_cannot_be_had_says_where_to_put_it(stub: str):
    with pytest.raises(UserError, match="ended in June 2025") as raised:
        resolve_model(stub)
    assert str(home() / "zoo") in raised.value.hint
    with pytest.raises(UserError, match="the recipe"):
        resolve_recipe(stub)


def test_an_unknown_stub_names_the_nearest():
    with pytest.raises(UserError, match="no such model in the zoo") as raised:
        resolve_model(FAMOUS.replace("pruned90", "pruned91"))
    assert FAMOUS in raised.value.hint


@pytest.mark.parametrize("stub", [FAMOUS, FAMOUS_NAME])
def test_a_folder_under_a_named_root_serves_both_names(stub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / FAMOUS.removeprefix("zoo:")
    (model_folder(folder / "training") / "model.safetensors").write_bytes(b"0")
    (folder / "recipe.md").write_text("plain")
    (folder / "recipe_transfer-question_answering.md").write_text("transfer")
    monkeypatch.setenv("SQA_ZOO_ROOTS", str(tmp_path))
    assert resolve_model(stub) == folder / "training"
    assert resolve_recipe(stub).read_text() == "plain"
    assert resolve_recipe(f"{stub}?recipe_type=transfer-question_answering").read_text() == "transfer"
    with pytest.raises(UserError, match="no recipe 'original'") as raised:
        resolve_recipe(f"{stub}?recipe=original")
    assert (
        raised.value.hint
        == "there: ?recipe=transfer-question_answering, or drop '?recipe=original' for the default one"
    )
    entry = find_entry(stub)
    assert entry is not None
    assert (entry.stub, entry.path, entry.f1, entry.note) == (FAMOUS, folder, 88.42, "")


def test_a_local_folder_that_nobody_knows_is_listed_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model_folder(tmp_path / "mine-squad-pruned70_quantized" / "training")
    (tmp_path / "notes").mkdir()
    monkeypatch.setenv("SQA_ZOO_ROOTS", str(tmp_path))
    local = [entry for entry in list_entries() if entry.source == "local"]
    assert [(entry.stub, entry.sparsity, entry.quantised, entry.layers) for entry in local] == [
        ("zoo:mine-squad-pruned70_quantized", 70.0, True, 3)
    ]


def test_folders_and_hub_names(tmp_path: Path):
    model = model_folder(tmp_path / "model")
    zoo_folder = tmp_path / "zoo"
    model_folder(zoo_folder / "training")
    assert resolve_model(str(model)) == model
    assert resolve_model(str(zoo_folder)) == zoo_folder / "training"
    assert resolve_model("bert-base-uncased") == "bert-base-uncased"
    assert resolve_model("RedHatAI/oBERT-teacher-squadv1") == "RedHatAI/oBERT-teacher-squadv1"
    assert [resolve_teacher(word) for word in ("disable", "self")] == ["disable", "self"]


@pytest.mark.parametrize("text", ["./nowhere", "/nowhere", "a/b/c", "no such model"])
def test_what_is_neither_folder_nor_hub_name_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="model folder"):
        resolve_model(text)


def test_nothing_at_all_is_said_to_be_nothing():
    with pytest.raises(UserError, match="no model is named"):
        resolve_model(" ")


def test_recipes_by_path(tmp_path: Path):
    with pytest.raises(UserError, match="no recipe in the folder"):
        resolve_recipe(str(tmp_path))
    with pytest.raises(UserError, match="no such recipe"):
        resolve_recipe(str(tmp_path / "recipe.yaml"))
    (tmp_path / "recipe.yaml").write_text("x")
    assert resolve_recipe(str(tmp_path)) == resolve_recipe(str(tmp_path / "recipe.yaml")) == tmp_path / "recipe.yaml"


def test_the_catalogue_loads_and_every_figure_has_a_source():
    records = facts()
    assert len({record.id for record in records}) == len(records) > 100
    assert all(record.sources for record in records)
    assert all(record.figures_from for record in records if record.f1 is not None)
    assert all(normalise(record.id) == record.id for record in records if is_stub(record.id))
    assert next(record.f1 for record in records if record.id == FAMOUS) == 88.42


def test_the_list_begins_with_the_demo_zoo_and_loads_nothing_heavy():
    assert [entry.stub for entry in list_entries()[:3]] == [DENSE, PRUNED, QUANTISED]
    program = (
        "import sys; from engine.zoo import list_entries; list_entries();"
        "print(sorted({'torch', 'transformers', 'datasets', 'numpy', 'tokenizers', 'textual'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_splits_of_the_facts_set():
    assert dataset_file("train").parent == DATA / "datasets" / "facts"
    assert dataset_file("validation").is_file()
    with pytest.raises(UserError, match="no split"):
        dataset_file("test")


def test_a_stub_without_its_prefix_is_told_from_a_folder_by_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    path = FAMOUS.removeprefix("zoo:")
    for text in (path, FAMOUS_NAME.removeprefix("zoo:")):
        with pytest.raises(UserError, match="ended in June 2025"):
            resolve_model(text)
    assert len(load_recipe(PRUNED.removeprefix("zoo:")).modifiers) == 4
    assert resolve_model("someone/bert-base-squad-pruned90") == "someone/bert-base-squad-pruned90"
    model_folder(tmp_path / path)
    assert resolve_model(path) == tmp_path / path


def test_the_error_of_what_cannot_be_had_names_a_substitute_by_its_flag():
    teacher = "zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad/base-none"
    with pytest.raises(UserError) as raised:
        resolve_teacher(teacher)
    assert "--distill_teacher RedHatAI/oBERT-teacher-squadv1" in raised.value.hint
    with pytest.raises(UserError) as raised:
        resolve_recipe(FAMOUS)
    assert f"--recipe {PRUNED}" in raised.value.hint
