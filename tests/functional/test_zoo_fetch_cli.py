"""`sqa-tui zoo fetch`: what is here, parts that there are not, and JSON lines that say each end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engine.zoo.demo import DATA, FAMILY
from engine.zoo.local import own_root
from sqa_tui.cli import main
from tests.zoo_servers import HubModel, HubServer

TEACHER = f"zoo:{FAMILY}/base-none"
NAME = "some/model"
PLAIN = {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"0" * 100, "README.md": b"# card"}
FULL = {**PLAIN, "recipe.yaml": b"x", "deployment/model.onnx": b"onnx", "deployment/config.json": b"{}"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    hub = HubServer(HubModel(NAME, dict(PLAIN)), HubModel("some/full", dict(FULL)))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with hub.running():
        yield hub


def fetch(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["zoo", "fetch", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def folder(name: str = NAME) -> Path:
    return own_root() / "huggingface" / name


def visible(path: Path) -> set[str]:
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file() and file.name[0] != "."}


def test_what_is_here_is_said_and_nobody_is_asked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    place = DATA / TEACHER.removeprefix("zoo:")
    code, out, err = fetch(capsys, TEACHER)
    assert (code, out) == (0, f"{TEACHER}: {place}\n")
    assert "is here already" in err
    mine = own_root() / "huggingface" / "some" / "mine"
    cached = own_root().parent / "hub" / "models--some--cached" / "snapshots" / "abc"
    for path in (mine, cached):
        path.mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            (path / name).write_bytes(PLAIN[name])
    for name, path in (("some/mine", mine), ("some/cached", cached), (str(mine), mine)):
        assert fetch(capsys, name)[:2] == (0, f"{name}: {path}\n")
    assert fetch(capsys, TEACHER, "--part", "recipe")[0] == 2
    assert fetch(capsys, f"zoo:{FAMILY}/pruned80-none", "--part", "recipe")[0] == 0


def test_a_demo_model_that_no_run_has_made_says_how_it_is_made(capsys: pytest.CaptureFixture[str]):
    code, _, err = fetch(capsys, f"zoo:{FAMILY}/pruned80-none")
    assert code == 2
    assert "make its model: sqa-tui train" in err


def test_a_fetched_model_is_asked_for_again_with_its_source(server: HubServer, capsys: pytest.CaptureFixture[str]):
    assert fetch(capsys, NAME)[0] == 0
    asked = len(server.requests)
    assert fetch(capsys, NAME)[:2] == (0, f"{NAME}: {folder()}\n")
    assert len(server.requests) == asked
    assert fetch(capsys, NAME, "--source", "hub")[0] == 0
    assert len(server.requests) > asked


def test_parts_that_a_model_of_the_hub_has_not_are_errors(server: HubServer, capsys: pytest.CaptureFixture[str]):
    code, _, err = fetch(capsys, NAME, "--part", "recipe")
    assert (code, "some/model on the hub has no recipe" in err) == (2, True)
    code, _, err = fetch(capsys, NAME, "--part", "deployment")
    assert (code, "some/model on the hub has no deployment/" in err) == (2, True)
    assert not own_root().exists() or visible(own_root()) == set()


def test_parts_of_the_hub_come_alone_and_together(server: HubServer, capsys: pytest.CaptureFixture[str]):
    assert fetch(capsys, "some/full", "--part", "deployment")[0] == 0
    assert visible(folder("some/full")) == {"README.md", "deployment/model.onnx", "deployment/config.json"}
    assert fetch(capsys, "some/full", "--part", "recipe")[0] == 0
    assert "recipe.yaml" in visible(folder("some/full"))
    assert fetch(capsys, "some/full", "--part", "all")[0] == 0
    assert visible(folder("some/full")) == set(FULL)


def test_every_name_gets_its_last_line_as_json(server: HubServer, capsys: pytest.CaptureFixture[str]):
    names = [NAME, "some/absent", TEACHER, f"{TEACHER}x", "zoo:wrong"]
    code, out, err = fetch(capsys, "--json", *names)
    lines: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    last = {line["name"]: line for line in lines}
    assert code == 2
    assert {name: last[name]["phase"] for name in names} == {
        NAME: "done",
        "some/absent": "failed",
        TEACHER: "done",
        f"{TEACHER}x": "failed",
        "zoo:wrong": "failed",
    }
    assert last[NAME]["path"] == str(folder())
    assert last["some/absent"]["error"].startswith("the hub has no model")
    assert len(err.splitlines()) == 3
    ends = [line["name"] for line in lines if line["phase"] in ("done", "failed")]
    assert sorted(ends) == sorted(names)
    assert all(first != second for first, second in pairwise(lines))


def test_a_name_that_failed_is_marked_where_the_others_go_on(
    server: HubServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    monkeypatch.setenv("COLUMNS", "100")
    code, out, err = fetch(capsys, "some/absent", NAME)
    assert (code, out) == (2, f"{NAME}: {folder()}\n")
    assert "failed" in err
    assert "error: some/absent: the hub has no model" in err


def test_a_folder_is_no_name_to_fetch(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    code, _, err = fetch(capsys, str(tmp_path))
    assert (code, len(err.splitlines())) == (2, 1)
    assert "a folder of this machine is not fetched" in err


def test_a_log_in_that_is_lacking_is_said(server: HubServer, capsys: pytest.CaptureFixture[str]):
    server.faults.status[NAME] = 401
    _, _, err = fetch(capsys, NAME)
    assert "hf auth login" in err
    server.faults.status = {"model.safetensors": 401}
    _, _, err = fetch(capsys, NAME)
    assert "asks for a log-in (HTTP 401)" in err
    assert "hf auth login" in err
