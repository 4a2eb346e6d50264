"""Whatever is wrong with a run is said before it starts: one line, exit code 2, and nothing is left behind."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.runs.paths import runs_root
from engine.zoo import resolve_model
from engine.zoo.demo.publish import TEACHER
from sqa_tui.cli import main

ROW = {"id": "1", "question": "Who?", "context": "Ada wrote it.", "answers": {"text": ["Ada"], "answer_start": [0]}}
RECIPE = """\
modifiers:
  - !EpochRangeModifier
      start_epoch: 0.0
      end_epoch: 1.0
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder of one's own to break."""
    folder = tmp_path / "model"
    shutil.copytree(resolve_model(TEACHER), folder)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One question, as flat JSON."""
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"data": [ROW]}))
    return path


@pytest.fixture
def train(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str]]]:
    """`sqa-tui train` with good arguments, of which some are replaced; returns exit code and lines of stderr."""

    def run(**replaced: str | None) -> tuple[int, list[str]]:
        arguments: dict[str, str | None] = {
            "model_name_or_path": str(model),
            "train_file": str(data),
            "validation_file": str(data),
            "output_dir": str(tmp_path / "output"),
            **replaced,
        }
        given = [word for name, value in arguments.items() if value is not None for word in (f"--{name}", value)]
        code = main(["train", "--do_train", "--do_eval", *given])
        return code, capsys.readouterr().err.splitlines()

    return run


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def check(outcome: tuple[int, list[str]], *words: str) -> None:
    """One line that begins with `error:` and holds `words`, exit code 2, no run."""
    code, lines = outcome
    errors = [line for line in lines if not line.startswith("warning:")]
    assert code == 2
    assert len(errors) == 1, errors
    assert errors[0].startswith("error: ")
    for word in words:
        assert word in errors[0]
    assert not runs_root().exists() or not any(runs_root().iterdir())


def test_no_such_folder(train: Callable[..., tuple[int, list[str]]], tmp_path: Path) -> None:
    check(train(model_name_or_path=str(tmp_path / "nowhere")), "nowhere")


def test_not_a_model(train: Callable[..., tuple[int, list[str]]], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check(train(model_name_or_path=str(tmp_path / "empty")), "empty", "config.json")


def test_not_a_question_answering_model(train: Callable[..., tuple[int, list[str]]], model: Path) -> None:
    write(model / "config.json", json.dumps({"model_type": "resnet", "architectures": ["ResNetModel"]}))
    check(train(), "resnet")


def test_torn_config(train: Callable[..., tuple[int, list[str]]], model: Path) -> None:
    write(model / "config.json", '{"model_type": "be')
    check(train(), "config.json")


def test_tokenizer_missing(train: Callable[..., tuple[int, list[str]]], model: Path) -> None:
    for name in ("tokenizer.json", "vocab.txt"):
        (model / name).unlink()
    check(train(), "tokenizer")


def test_no_such_data(train: Callable[..., tuple[int, list[str]]], tmp_path: Path) -> None:
    check(train(train_file=str(tmp_path / "missing.json")), "missing.json")


def test_data_without_answers(train: Callable[..., tuple[int, list[str]]], tmp_path: Path) -> None:
    row = {key: value for key, value in ROW.items() if key != "answers"}
    check(train(train_file=write(tmp_path / "no.json", json.dumps([row]))), "no.json", "answer")


def test_torn_gzip(train: Callable[..., tuple[int, list[str]]], tmp_path: Path) -> None:
    path = tmp_path / "torn.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"data": [ROW] * 100}).encode())[:40])
    check(train(train_file=str(path)), "torn.json.gz")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (RECIPE.replace("EpochRange", "EpochRagne"), [":2:", "EpochRangeModifier"]),
        (RECIPE.replace("end_epoch", "end_epcoh"), [":4:", "end_epoch"]),
        ("modifiers: [", ["recipe.yaml"]),
        (RECIPE + "  - !MFACPruningModifier\n      params: []\n", ["MFACPruning"]),
    ],
)
def test_wrong_recipe(train: Callable[..., tuple[int, list[str]]], tmp_path: Path, text: str, words: list[str]) -> None:
    code, lines = train(recipe=write(tmp_path / "recipe.yaml", text))
    assert code == 2
    assert all(line.startswith("error: ") for line in lines)
    assert any(all(word in line for word in words) for line in lines), lines


def test_no_such_stub(train: Callable[..., tuple[int, list[str]]]) -> None:
    check(train(model_name_or_path=TEACHER.replace("base-none", "bsae-none")), "base-none")


def test_output_folder_not_empty(train: Callable[..., tuple[int, list[str]]], tmp_path: Path) -> None:
    kept = tmp_path / "output" / "thesis.txt"
    kept.parent.mkdir()
    write(kept, "mine")
    check(train(), "output", "overwrite_output_dir")
    assert kept.read_text() == "mine"


def test_output_that_cannot_be_written(train: Callable[..., tuple[int, list[str]]]) -> None:
    check(train(output_dir="/proc/output"), "/proc")


def test_no_space(train: Callable[..., tuple[int, list[str]]], monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    check(train(), "space" if os.name == "posix" else "disk")


def test_nothing_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--do_train"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert all(line.startswith("error: ") for line in lines)
