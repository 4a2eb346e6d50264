"""The hub's library against a server of its protocol: search, download, interruption, use without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.question_answering.preflight import check_run
from engine.zoo import Missing, fetch, find_entry, list_entries, missing, resolve_model, search, source_of
from engine.zoo.local import own_root
from engine.zoo.marker import read_marker
from sqa_tui.commands.train import ready_to_run
from tests.zoo_servers import BROKEN_AFTER, HubModel, HubServer

NAME = "someone/bert-squad"
KNOWN = "RedHatAI/oBERT-teacher-squadv1"
CONFIG = {"model_type": "bert", "num_hidden_layers": 2, "architectures": ["BertForQuestionAnswering"], "vocab_size": 9}
WEIGHTS = bytes(range(256)) * 20
FILES = {
    "config.json": json.dumps(CONFIG).encode(),
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"a pickle that is not needed",
    "tokenizer.json": b"{}",
    "vocab.txt": b"a\nb\n",
    "README.md": b"# card",
    "tf_model.h5": b"other",
    "onnx/model.onnx": b"other",
    ".gitattributes": b"*",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A hub of two models, which is the only one there is."""
    hub = HubServer(HubModel(NAME, dict(FILES), config=CONFIG), HubModel(KNOWN, dict(FILES), config=CONFIG))
    for name, value in {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "SQA_ZOO_TIMEOUT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    hub.models["someone/foreign"] = HubModel("someone/foreign", {"config.json": b"{}", "tf_model.h5": b"0"})
    with hub.running():
        yield hub


def test_search_tells_what_the_hub_has_and_what_is_known_of_it(server: HubServer):
    found = {entry.stub: entry for entry in search("squad", source="hub")}
    assert set(found) == {NAME, KNOWN}
    assert (found[NAME].architecture, found[NAME].dataset, found[NAME].task) == ("bert", "squad", "question_answering")
    assert (found[KNOWN].f1, found[KNOWN].layers) == (88.54, 12)
    assert source_of("hub").probe().word == "ready"


def test_a_model_is_fetched_checked_and_used_without_a_network(server: HubServer, monkeypatch: pytest.MonkeyPatch):
    assert resolve_model(NAME) == NAME
    assert missing(NAME, "teacher") == Missing(name=NAME, part="model", source="hub")
    folder = fetch(NAME)
    assert missing(NAME, "teacher") is None
    assert folder == own_root() / "huggingface" / NAME
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "vocab.txt",
        "README.md",
    }
    marker = read_marker(folder)
    assert marker is not None
    assert marker.revision == server.models[NAME].revision
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = len(server.requests)
    assert resolve_model(NAME) == folder
    entry = find_entry(NAME)
    assert entry is not None
    assert (entry.path, entry.has_model, entry.has_teacher, entry.layers) == (folder, True, True, 2)
    problems = check_run({"model_name_or_path": NAME, "do_train": True})
    assert [problem.level for problem in problems if problem.subject == "model"] == ["ok"]
    with pytest.raises(UserError, match="HF_HUB_OFFLINE") as raised:
        fetch(KNOWN)
    assert "zoo list --local" in raised.value.hint
    assert len(server.requests) == asked


def test_training_fetches_first_unless_it_could_not_start_anyway(server: HubServer, tmp_path: Path):
    data = tmp_path / "data.json"
    answers = {"text": ["Ada"], "answer_start": [0]}
    data.write_text(json.dumps({"data": [{"id": "1", "question": "Who?", "context": "Ada.", "answers": answers}]}))
    arguments = ["--model_name_or_path", NAME, "--output_dir", str(tmp_path / "output"), "--do_train"]
    assert ready_to_run(arguments)
    assert server.requests == []
    assert ready_to_run([*arguments, "--train_file", str(data)])
    assert resolve_model(NAME) == own_root() / "huggingface" / NAME


def test_an_interrupted_download_is_resumed_by_the_next(server: HubServer):
    server.faults.half.add("model.safetensors")
    server.ranges = False
    with pytest.raises(UserError, match="broke at 600 of 5120 bytes"):
        fetch(NAME)
    assert resolve_model(NAME) == NAME
    assert find_entry(NAME) is None
    server.faults.half.clear()
    server.ranges = True
    begun = len(server.requests)
    folder = fetch(NAME)
    asked = [request for request in server.requests[begun:] if "/resolve/" in request]
    assert asked[0].endswith(f"model.safetensors bytes={BROKEN_AFTER}-")
    assert not any("config.json" in request for request in asked)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: HubServer):
    server.faults.half.add("model.safetensors")
    server.ranges = False
    with pytest.raises(UserError):
        fetch(NAME)
    server.faults.half.clear()
    server.ranges = True
    changed = bytes(reversed(WEIGHTS))
    server.models[NAME].files["model.safetensors"] = changed
    with pytest.raises(UserError, match="checksum differs"):
        fetch(NAME)
    assert (fetch(NAME) / "model.safetensors").read_bytes() == changed


def test_bytes_that_are_not_what_is_listed_are_not_kept(server: HubServer):
    listed = server.models[NAME].siblings()
    server.models[NAME].siblings = lambda: listed  # type: ignore[method-assign]
    server.models[NAME].files["config.json"] = FILES["config.json"].replace(b"bert", b"evil")
    with pytest.raises(UserError, match="checksum differs"):
        fetch(NAME)
    assert resolve_model(NAME) == NAME


@pytest.mark.parametrize(
    ("name", "fault", "message"),
    [
        ("someone/absent", "", "the hub has no model someone/absent"),
        (NAME, "models", "HTTP 503|answers"),
        (NAME, "silent", "does not answer"),
        ("not a name", "", "not a name of the hub"),
        ("someone/foreign", "", "has no weights of PyTorch"),
    ],
)
def test_what_the_hub_does_not_give_is_one_line(server: HubServer, name: str, fault: str, message: str):
    if fault == "models":
        server.faults.status["bert-squad"] = 503
    if fault == "silent":
        server.faults.silent.add("bert-squad")
    with pytest.raises(UserError, match=message):
        fetch(name)
    assert not any(path.is_file() for path in own_root().rglob("*"))


def test_a_hub_that_cannot_be_reached_costs_seconds_and_one_line(server: HubServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="cannot be reached"):
        search("squad")
    assert source_of("hub").probe().word == "unreachable"


def test_complete_models_of_the_cache_are_listed_and_incomplete_ones_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for name, weights in (("whole", True), ("half", False)):
        snapshot = tmp_path / f"models--someone--{name}" / "snapshots" / "abc"
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text(json.dumps(CONFIG))
        if weights:
            (snapshot / "model.safetensors").write_bytes(b"0")
    cached = [entry for entry in list_entries() if entry.source == "hub" and entry.path]
    assert [(entry.stub, entry.layers, entry.has_model) for entry in cached] == [("someone/whole", 2, True)]
    assert source_of("hub").folder("someone/half") is None
    assert source_of("hub").state().word == "offline"
