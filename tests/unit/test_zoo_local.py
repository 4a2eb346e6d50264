"""Local roots: what is an entry and what is not, and that a list follows what changes on the disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.zoo import Entry, find_entry, list_entries, resolve_model, source_of
from engine.zoo.entry import Entry as ZooEntry
from engine.zoo.filters import Query, select
from engine.zoo.local import own_root
from engine.zoo.substitutes import substitutes

CONFIG = {"model_type": "bert", "num_hidden_layers": 6, "architectures": ["BertForQuestionAnswering"]}
STUB = "zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad/ours80-none"


def model(folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    (folder / "model.safetensors").write_bytes(b"0")
    return folder


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setenv("SQA_ZOO_ROOTS", f"{first}:{second}")
    return first, second


def local() -> dict[str, Entry]:
    return {entry.stub: entry for entry in list_entries() if entry.source == "local"}


def test_model_folders_of_any_depth_are_entries_by_their_paths(roots: tuple[Path, Path]):
    first, second = roots
    plain = model(first / "mine")
    deep = model(second / "team" / "project" / "checkpoint-100", architectures=["BertForMaskedLM"])
    model(first / STUB.removeprefix("zoo:") / "training")
    (first / "notes" / "of" / "mine").mkdir(parents=True)
    model(first / ".hidden" / "model")
    found = local()
    assert set(found) == {str(plain), str(deep), STUB}
    assert (found[str(plain)].layers, found[str(plain)].has_teacher, found[str(deep)].has_teacher) == (6, True, False)
    assert find_entry(str(plain)) == found[str(plain)]
    assert resolve_model(str(deep)) == deep


def test_the_first_root_wins_and_loops_of_links_end(roots: tuple[Path, Path]):
    first, second = roots
    model(first / STUB.removeprefix("zoo:") / "training")
    model(second / STUB.removeprefix("zoo:") / "training", num_hidden_layers=3)
    model(second / "mine")
    (second / "loop").symlink_to(second)
    (second / "link").symlink_to(model(second.parent / "elsewhere"))
    found = local()
    assert set(found) == {STUB, str(second / "mine"), str(second / "link")}
    assert found[STUB].layers == 6
    assert found[STUB].path == first / STUB.removeprefix("zoo:")


def test_a_link_to_itself_hides_nothing_else(roots: tuple[Path, Path]):
    mine = model(roots[0] / "mine")
    (roots[0] / "x").symlink_to(roots[0] / "x")
    (roots[0] / "nowhere").symlink_to(roots[0] / "absent")
    assert set(local()) == {str(mine)}


@pytest.mark.parametrize("name", ["config.json", "training/config.json", ".sqa-zoo.json"])
def test_a_pipe_in_the_place_of_a_file_holds_nobody(roots: tuple[Path, Path], name: str):
    whole = model(roots[0] / "whole")
    odd = roots[0] / "odd"
    (odd / "training").mkdir(parents=True)
    os.mkfifo(odd / name)
    assert set(local()) == {str(whole)}
    assert find_entry(str(odd)) is None


def test_a_root_that_is_not_there_is_said(roots: tuple[Path, Path]):
    roots[0].mkdir()
    state = source_of("local").state()
    assert state == ("ready", f"{roots[0]}, {roots[1]} is not there")


def test_a_root_that_is_a_file_is_said(roots: tuple[Path, Path]):
    roots[0].write_text("text")
    assert f"{roots[0]} is not a folder" in source_of("local").state().reason


def test_a_list_follows_the_disk(roots: tuple[Path, Path]):
    folder = roots[0] / STUB.removeprefix("zoo:")
    folder.mkdir(parents=True)
    assert local() == {}
    (folder / "recipe.md").write_text("x")
    assert (local()[STUB].has_recipe, local()[STUB].has_model) == (True, False)
    model(folder / "training")
    assert local()[STUB].has_model
    (folder / "recipe.md").unlink()
    assert not local()[STUB].has_recipe


def test_a_copy_of_a_hub_model_is_an_entry_by_its_name():
    folder = model(own_root() / "huggingface" / "RedHatAI" / "oBERT-teacher-squadv1")
    entry = find_entry("RedHatAI/oBERT-teacher-squadv1")
    assert entry is not None
    assert (entry.path, entry.f1, entry.has_model) == (folder, 88.54, True)
    assert resolve_model("RedHatAI/oBERT-teacher-squadv1") == folder
    assert sum(each.stub == entry.stub for each in list_entries()) == 1


def test_bounds_of_sparsity_leave_out_what_is_unknown():
    facts = {"title": "", "architecture": "bert-base", "source": "local"}
    entries = [ZooEntry(stub=str(sparsity), sparsity=sparsity, **facts) for sparsity in (None, 0.0, 80.0, 95.0)]
    assert [entry.stub for entry in select(entries, Query(min_sparsity=80))] == ["80.0", "95.0"]
    assert [entry.stub for entry in select(entries, Query(max_sparsity=0))] == ["0.0"]
    assert len(select(entries, Query(words="BERT local", architecture="bert"))) == 4
    assert select(entries, Query(words="local hub")) == []


@pytest.mark.parametrize(
    ("stub", "role", "name"),
    [
        ("bert-base/pytorch/huggingface/squad/base-none", "teacher", "RedHatAI/oBERT-teacher-squadv1"),
        ("bert-large/pytorch/huggingface/squad/base-none", "teacher", "RedHatAI/bert-large-uncased-finetuned-squadv1"),
        ("obert-base/pytorch/huggingface/squad/pruned90-none", "model", "RedHatAI/oBERT-12-"),
        ("mobilebert-none/pytorch/huggingface/squad/base-none", "model", "google/mobilebert-uncased"),
    ],
)
def test_substitutes_have_the_shape_of_what_they_stand_for(stub: str, role: str, name: str):
    entry = find_entry(f"zoo:nlp/question_answering/{stub}")
    assert entry is not None
    first = substitutes(entry, role)[0]  # type: ignore[arg-type]
    assert first.name.startswith(name)
    assert first.why


def test_a_substitute_says_how_it_differs():
    entry = find_entry("zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad/pruned95_obs_quant-none")
    assert entry is not None
    assert "precision" in substitutes(entry, "model")[0].why or "% pruned" in substitutes(entry, "model")[0].why
    recipe = substitutes(entry, "recipe")[0]
    assert recipe.name.endswith("pruned80_quant-none")
    assert '"final_sparsity": 0.95' in recipe.why
