"""The real SparseZoo client against a server of its protocol: what works, and what a server may do wrong.

None of the faults hangs, and none leaves a folder that counts as complete.
"""

from __future__ import annotations

import importlib.metadata
import io
import os
import re
import subprocess
import sys
import tarfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.errors import UserError
from engine.zoo import (
    Fetch,
    fetch,
    find_entry,
    missing,
    resolve_model,
    resolve_recipe,
    resolve_teacher,
    search,
    source_of,
    start_fetch,
)
from engine.zoo.card import show
from engine.zoo.local import own_root
from engine.zoo.marker import read_marker
from engine.zoo.source import Progress
from engine.zoo.sparsezoo import INSTALL, VERSION
from sqa_tui.commands.zoo_fetch import fetch_missing, missing_of
from tests.zoo_servers import BROKEN_AFTER, SparseZooServer, ZooModel

STUB = "zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad/pruned90-none"
PRIVATE = "zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad/ours97-none"
WEIGHTS = bytes(range(256)) * 20
FILES = {
    "training/config.json": b'{"model_type": "bert", "num_hidden_layers": 12}',
    "training/pytorch_model.bin": WEIGHTS,
    "training/tokenizer.json": b"{}",
    "training/tokenizer_config.json": b"{}",
    "deployment/model.onnx": b"onnx" * 50,
    "deployment/config.json": b"{}",
    "model.onnx": b"onnx" * 50,
    "model.md": b"# a card",
    "recipe.md": b"plain recipe",
    "recipe_transfer-question_answering.md": b"transfer recipe",
}


@pytest.fixture(autouse=True)
def client_is_installed() -> None:
    try:
        installed = importlib.metadata.version("sparsezoo")
    except importlib.metadata.PackageNotFoundError:
        installed = None
    if installed != VERSION:
        reason = f"sparsezoo {VERSION} is not installed: {INSTALL}"
        warnings.warn(reason, stacklevel=2)
        pytest.skip(reason)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SparseZooServer]:
    """A server with one model that the catalogue knows and one that it does not."""
    served = SparseZooServer(ZooModel(STUB, dict(FILES)), ZooModel(PRIVATE, dict(FILES)))
    monkeypatch.setenv("SPARSEZOO_API_URL", served.url)
    monkeypatch.setenv("SQA_ZOO_TIMEOUT", "1")
    with served.running():
        yield served


def nothing_counts(stub: str = STUB) -> bool:
    """Whether the zoo has no model, no recipe and no folder for a stub."""
    for resolve in (resolve_model, resolve_recipe):
        with pytest.raises(UserError):
            resolve(stub)
    entry = find_entry(stub)
    return (entry is None or entry.path is None) and not (own_root() / stub.removeprefix("zoo:")).exists()


def leftovers() -> list[str]:
    return sorted(str(path.relative_to(own_root())) for path in own_root().rglob("*") if path.is_file())


def test_search_lists_what_the_server_has_with_the_facts_that_are_known(server: SparseZooServer):
    found = {entry.stub: entry for entry in search("", source="sparsezoo")}
    assert set(found) == {STUB, PRIVATE}
    assert (found[STUB].f1, found[STUB].source) == (88.42, "catalogue")
    assert (found[PRIVATE].source, found[PRIVATE].architecture) == ("sparsezoo", "bert-base")
    assert 'task: "question_answering"' in server.queries[0]
    card = show(PRIVATE, online=True)
    assert {(file.path, file.size) for file in card.files} >= {("recipe.md", 12), ("training/pytorch_model.bin", 5120)}
    assert card.advice == (f"fetch it: sqa-tui zoo fetch {PRIVATE}",)


def test_a_model_is_fetched_with_its_recipes_and_then_serves_both_names(server: SparseZooServer):
    seen: list[Progress] = []
    folder = fetch(STUB, on_progress=seen.append)
    assert folder == own_root() / STUB.removeprefix("zoo:")
    assert resolve_model(STUB) == folder / "training"
    assert resolve_model("zoo:bert-base-squad_wikipedia_bookcorpus-pruned90") == folder / "training"
    assert resolve_recipe(f"{STUB}?recipe_type=transfer-question_answering").read_bytes() == b"transfer recipe"
    assert (folder / "training" / "pytorch_model.bin").read_bytes() == WEIGHTS
    assert not (folder / "deployment").exists()
    marker = read_marker(folder)
    assert marker is not None
    assert (marker.source, marker.parts, len(marker.files)) == ("sparsezoo", ("model",), 7)
    last = [progress for progress in seen if progress.phase == "downloading"][-1]
    total = sum(len(FILES[file.path]) for file in marker.files)
    assert (last.done, last.total, seen[-1].phase, seen[0].phase) == (total, total, "done", "asking")
    assert list((own_root() / ".partial").iterdir()) == []


def test_recipes_that_there_are_not_are_an_error_and_no_card_alone(server: SparseZooServer):
    files = server.models[0].files
    for name in [name for name in files if name.startswith("recipe")]:
        del files[name]
    with pytest.raises(UserError, match="the SparseZoo server has no recipe of"):
        fetch(STUB, "recipe")
    assert leftovers() == []


def test_parts_fetched_one_after_the_other_make_one_folder(server: SparseZooServer):
    assert resolve_recipe_after_fetch(STUB) == b"plain recipe"
    with pytest.raises(UserError, match="not on this machine"):
        resolve_model(STUB)
    assert missing(STUB, "model") is not None
    assert missing(STUB, "recipe") is None
    fetch(STUB, "model")
    folder = fetch(STUB, "deployment")
    assert (folder / "deployment" / "model.onnx").read_bytes() == FILES["deployment/model.onnx"]
    assert resolve_model(STUB) == folder / "training"
    marker = read_marker(folder)
    assert marker is not None
    assert marker.parts == ("recipe", "model", "deployment")
    assert sum(request.startswith("GET") and "model.onnx" in request for request in server.requests) == 1


def resolve_recipe_after_fetch(stub: str) -> bytes:
    fetch(stub, "recipe")
    return resolve_recipe(stub).read_bytes()


def test_an_unknown_recipe_is_an_error_and_never_the_first_one(server: SparseZooServer):
    with pytest.raises(UserError, match="no recipe 'transfer'") as raised:
        fetch(f"{STUB}?recipe_type=transfer", "recipe")
    assert "transfer-question_answering" in raised.value.hint
    assert nothing_counts()


def test_a_stub_that_the_server_does_not_have(server: SparseZooServer):
    with pytest.raises(UserError, match="does not have"):
        fetch(STUB.replace("pruned90", "pruned91"))
    assert leftovers() == []


Fault = Callable[[SparseZooServer], None]
FILE_FAULTS: dict[str, tuple[Fault, str]] = {
    "gone": (lambda server: server.faults.status.update({"gone-none/training/pytorch_model.bin": 404}), "HTTP 404"),
    "refused": (lambda server: server.faults.status.update({"refused-none/training/config.json": 403}), "HTTP 403"),
    "silent": (lambda server: server.faults.silent.add("silent-none/recipe.md"), "does not answer"),
    "half": (lambda server: server.faults.half.add("half-none/training/pytorch_model.bin"), "broke at 600 of 5120"),
    "longer": (lambda server: server.faults.longer.add("longer-none/model.md"), "lists 8 bytes .* sends 9"),
    "shorter": (lambda server: server.faults.shorter.add("shorter-none/recipe.md"), "lists 12 bytes .* sends 11"),
}


def test_files_that_do_not_come_as_listed_asked_for_all_at_once(server: SparseZooServer):
    stubs = {fault: STUB.replace("pruned90", fault) for fault in FILE_FAULTS}
    server.models = [ZooModel(stub, dict(FILES)) for stub in (STUB, *stubs.values())]
    server.ranges = False
    for act, _ in FILE_FAULTS.values():
        act(server)
    begun = {fault: start_fetch(stub) for fault, stub in stubs.items()}
    good = start_fetch(STUB)
    for fault, download in begun.items():
        assert download.wait(60)
        assert download.path is None
        assert download.error is not None
        assert re.search(FILE_FAULTS[fault][1], download.error.message), (fault, download.error)
        assert nothing_counts(stubs[fault])
    assert good.wait(60)
    assert resolve_model(STUB) == good.path / "training" if good.path else good.error


QUERY_FAULTS: dict[str, tuple[Fault, str]] = {
    "403": (lambda server: server.faults.status.update({"graphql": 403}), "HTTP 403"),
    "page": (lambda server: server.faults.status.update({"graphql": 200}), "not SparseZoo's protocol"),
    "silent": (lambda server: server.faults.silent.add("graphql"), "does not answer"),
    "no model.onnx": (lambda server: server.models[0].files.pop("model.onnx") and None, "not SparseZoo's protocol"),
}


@pytest.mark.parametrize("fault", QUERY_FAULTS)
def test_a_server_that_does_not_answer_as_it_should(server: SparseZooServer, fault: str):
    act, message = QUERY_FAULTS[fault]
    act(server)
    if fault == "no model.onnx":
        server.models[0].files.pop("deployment/model.onnx")
    with pytest.raises(UserError, match=message):
        fetch(STUB)
    assert nothing_counts()


def test_a_server_that_is_gone(server: SparseZooServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SPARSEZOO_API_URL", "http://127.0.0.1:9")
    state = source_of("sparsezoo").probe()
    assert state.word == "unreachable"
    assert "cannot be reached" in state.reason


def test_a_download_that_broke_off_goes_on_where_it_was(server: SparseZooServer):
    server.faults.half.add("pytorch_model.bin")
    folder = fetch(STUB)
    asked = [request for request in server.requests if "pytorch_model.bin" in request]
    assert asked[1].endswith(f"bytes={BROKEN_AFTER}-")
    assert (folder / "training" / "pytorch_model.bin").read_bytes() == WEIGHTS


def test_a_later_fetch_goes_on_from_the_hidden_partial(server: SparseZooServer):
    server.faults.half.add("pytorch_model.bin")
    server.ranges = False
    with pytest.raises(UserError, match="broke at"):
        fetch(STUB)
    assert nothing_counts()
    assert any(name.startswith(".partial/") for name in leftovers())
    server.faults.half.clear()
    server.ranges = True
    begun = len(server.requests)
    fetch(STUB)
    asked = [request for request in server.requests[begun:] if "pytorch_model.bin" in request]
    assert asked == [f"GET /files/{STUB.removeprefix('zoo:')}/training/pytorch_model.bin bytes={BROKEN_AFTER}-"]
    assert (resolve_model(STUB) / "pytorch_model.bin").read_bytes() == WEIGHTS
    assert not any(name.startswith(".partial/") for name in leftovers())


def asked_for(server: SparseZooServer, file: str, download: Fetch) -> None:
    """Wait until a download has come to a file."""
    while not any(file in request for request in server.requests):
        assert not download.done, download.error
        time.sleep(0.01)


def test_a_cancelled_fetch_leaves_nothing(server: SparseZooServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SQA_ZOO_TIMEOUT", "30")
    server.faults.silent.add("pytorch_model.bin")
    moved: list[int] = []
    download = start_fetch(STUB, on_change=lambda fetch: moved.append(fetch.progress.done))
    asked_for(server, "pytorch_model.bin", download)
    download.cancel()
    assert download.wait(20)
    assert (download.cancelled, download.path, download.error) == (True, None, None)
    assert moved
    assert leftovers() == []
    assert nothing_counts()


def test_several_at_once_and_the_same_one_only_once(server: SparseZooServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SQA_ZOO_TIMEOUT", "30")
    server.faults.silent.add("ours97-none/training/pytorch_model.bin")
    slow = start_fetch(PRIVATE)
    asked_for(server, "ours97-none/training/pytorch_model.bin", slow)
    with pytest.raises(UserError, match="being fetched already"):
        fetch(PRIVATE)
    fetch(STUB)
    assert not slow.done
    slow.cancel()
    assert slow.wait(20)
    assert nothing_counts(PRIVATE)


def archive(*members: tuple[str, bytes | str]) -> bytes:
    """A tar of files (bytes) and symbolic links (text)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_archives_are_unpacked_below_the_folder(server: SparseZooServer):
    server.models[0].files["sample-inputs.tar.gz"] = archive(("inp-0000.npz", b"0123"))
    folder = fetch(STUB, "all")
    assert (folder / "sample-inputs" / "inp-0000.npz").read_bytes() == b"0123"


@pytest.mark.parametrize("members", [[("ok", b"1"), ("link", "/etc/passwd")]])
def test_an_archive_with_links_is_refused(server: SparseZooServer, members: list[tuple[str, bytes | str]]):
    server.models[0].files["sample-inputs.tar.gz"] = archive(*members)
    with pytest.raises(UserError, match="archive holds what is refused"):
        fetch(STUB, "all")
    assert nothing_counts()


@pytest.mark.parametrize("name", ["../../escaped.md", "recipe_..\\escaped.md"])
def test_a_name_that_leads_out_of_the_folder_is_refused(server: SparseZooServer, name: str, tmp_path: Path):
    content = server.models[0].files
    content[name if name.startswith("recipe") else f"training/{name}"] = b"escaped"
    with pytest.raises(UserError):
        fetch(STUB, "all")
    assert not list(own_root().parent.rglob("escaped*"))
    assert nothing_counts()


def test_what_a_run_needs_is_fetched_before_it_is_made(server: SparseZooServer):
    recipe = f"{PRIVATE}?recipe_type=transfer-question_answering"
    assert fetch_missing({"model_name_or_path": STUB, "distill_teacher": STUB, "recipe": recipe})
    assert resolve_model(STUB) == resolve_teacher(STUB) == own_root() / STUB.removeprefix("zoo:") / "training"
    assert resolve_recipe(recipe).read_bytes() == b"transfer recipe"
    assert missing_of({"model_name_or_path": STUB, "recipe": recipe}) == {}


def test_a_client_does_not_outlive_the_program_that_called_it(server: SparseZooServer):
    server.faults.silent.add("graphql")
    program = f"from engine.zoo import fetch; fetch({STUB!r})"
    caller = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "SQA_ZOO_TIMEOUT": "60"})
    while not server.requests:
        assert caller.poll() is None
        time.sleep(0.01)
    children = psutil.Process(caller.pid).children(recursive=True)
    caller.kill()
    caller.wait()
    assert children
    assert psutil.wait_procs(children, timeout=20)[1] == []


def test_a_folder_put_there_by_hand_is_not_touched(server: SparseZooServer):
    mine = own_root() / STUB.removeprefix("zoo:")
    mine.mkdir(parents=True)
    (mine / "recipe.md").write_text("mine")
    with pytest.raises(UserError, match="was not downloaded"):
        fetch(STUB, "recipe")
    assert resolve_recipe(STUB).read_text() == "mine"


def test_a_download_that_lost_a_file_does_not_count(server: SparseZooServer):
    folder = fetch(STUB)
    (folder / "training" / "pytorch_model.bin").write_bytes(b"half")
    with pytest.raises(UserError, match="not on this machine"):
        resolve_model(STUB)


@pytest.mark.parametrize("variable", ["SPARSEZOO_API_URL"])
def test_without_a_server_the_source_says_so_in_one_line(variable: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(variable, raising=False)
    state = source_of("sparsezoo").state()
    assert state.word == "unavailable"
    assert variable in state.reason
    with pytest.raises(UserError, match="cannot be fetched from a SparseZoo server") as raised:
        fetch(STUB)
    assert "RedHatAI/oBERT" in raised.value.hint
    assert missing(STUB, "model") is None
