"""What counts as a model in a folder of this machine, and how copies of what is known are listed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.zoo import Entry, find_entry, list_entries
from engine.zoo.card import show
from engine.zoo.filters import Query, select
from engine.zoo.local import own_root
from engine.zoo.marker import Marker, write_marker
from engine.zoo.source import ZooFile
from sqa_tui.zoo_filters import fields_for

CONFIG = {"model_type": "bert", "num_hidden_layers": 6, "architectures": ["BertForQuestionAnswering"]}
QA = "zoo:nlp/question_answering"
FAMOUS = f"{QA}/bert-base/pytorch/huggingface/squad/pruned90-none"
FAMOUS_NAME = "zoo:bert-base-squad_wikipedia_bookcorpus-pruned90"


def model(folder: Path, config: object = CONFIG, *, weights: bool = True) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    if weights:
        (folder / "model.safetensors").write_bytes(b"0")
    return folder


def listed(name: str) -> list[Entry]:
    return [entry for entry in list_entries() if entry.stub == name]


def fetched(stub: str) -> Path:
    folder = own_root() / stub.removeprefix("zoo:")
    model(folder / "training")
    names = ("training/config.json", "training/model.safetensors")
    files = tuple(ZooFile(path=name, size=(folder / name).stat().st_size) for name in names)
    write_marker(folder, Marker(name=stub, source="sparsezoo", fetched=0.0, parts=("model",), files=files))
    return folder


def test_a_download_that_lost_or_broke_a_file_counts_no_longer_and_then_again():
    ours = f"{QA}/bert-base/pytorch/huggingface/squad/ours80-none"
    weights = fetched(ours) / "training" / "model.safetensors"
    other = fetched(FAMOUS)
    assert listed(ours)[0].has_model
    before = os.stat(weights.parent)
    weights.write_bytes(b"")
    os.utime(weights.parent, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert listed(ours) == []
    assert find_entry(ours) is None
    (other / "training" / "model.safetensors").unlink()
    assert not listed(FAMOUS)[0].has_model
    assert not any(str(own_root()) in entry.stub for entry in list_entries())
    weights.write_bytes(b"0")
    assert listed(ours)[0].has_model


@pytest.mark.parametrize("number", ["1" + "0" * 400, "-3", '"many"', "[12]", "true", "12.5"])
def test_absurd_values_of_a_configuration_are_unknown(tmp_path: Path, number: str):
    folder = model(tmp_path / "odd", f'{{"model_type": "bert", "num_hidden_layers": {number}}}')
    entry = find_entry(str(folder))
    assert entry is not None
    assert (entry.architecture, entry.layers, entry.has_model) == ("bert", None, True)
    assert {fact.label: fact.value for fact in show(str(folder)).facts}["layers"] == "unknown"


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"model_type": ', "\udcff"])
def test_a_configuration_that_cannot_be_read_is_said_and_offered_as_nothing(tmp_path: Path, text: str):
    folder = model(tmp_path / "broken", "")
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    entry = find_entry(str(folder))
    assert entry is not None
    assert (entry.has_model, entry.has_teacher, entry.has_recipe) == (False, False, False)
    assert entry.title == "broken, its config.json cannot be read"
    advice = " ".join(show(str(folder)).advice)
    assert "config.json cannot be read" in advice
    assert "--" not in advice


def test_a_configuration_without_weights_is_no_model_and_no_teacher(tmp_path: Path):
    folder = model(tmp_path / "empty", weights=False)
    entry = find_entry(str(folder))
    assert entry is not None
    assert (entry.has_model, entry.has_teacher) == (False, False)
    assert "the weights are missing" in entry.title
    advice = show(str(folder)).advice
    assert [line for line in advice if "--" in line] == [
        f"the weights are missing: --model_name_or_path {folder} trains from random ones"
    ]
    (folder / "pytorch_model.bin").write_bytes(b"0")
    assert find_entry(str(folder)) != entry


def test_the_weights_of_a_known_model_that_are_missing_are_said():
    model(own_root() / FAMOUS.removeprefix("zoo:") / "training", weights=False)
    (entry,) = listed(FAMOUS)
    assert (entry.has_model, entry.note) == (False, "the weights are missing")


def test_a_folder_by_the_other_name_is_the_same_entry():
    folder = model(own_root() / FAMOUS_NAME.removeprefix("zoo:") / "training").parent
    assert listed(FAMOUS_NAME) == []
    (entry,) = listed(FAMOUS)
    assert (entry.path, entry.has_model, entry.f1, entry.place) == (folder, True, 88.42, "local")
    assert find_entry(FAMOUS) == find_entry(FAMOUS_NAME) == entry
    exact = model(own_root() / FAMOUS.removeprefix("zoo:") / "training").parent
    assert [each.path for each in listed(FAMOUS)] == [exact]


def test_the_source_local_has_the_copies_of_what_others_list():
    model(own_root() / FAMOUS.removeprefix("zoo:") / "training")
    entries = list_entries()
    assert [entry.stub for entry in select(entries, Query(source="local"))] == [FAMOUS]
    assert FAMOUS in [entry.stub for entry in select(entries, Query(source="catalogue"))]
    offered = next(field for field in fields_for(entries) if field.name == "source")
    assert "local" in offered.values
