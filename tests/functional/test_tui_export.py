"""Exporting a run that has ended, from its screen."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
import sample_run

from engine.errors import UserError
from engine.runs.paths import RunDirectory
from sqa_tui.watchers import exporter
from sqa_tui.watchers.exporter import deployment_of, is_exporting, start_export

EXPORTER = """#!/bin/sh
# Called as: python -m engine.export --task question-answering --model_path OUTPUT
[ "$2" = engine.export ] || exit 9
echo "exporting $6"
{act}
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run with a model folder."""
    directory = sample_run.make_run(tmp_path)
    directory.output.mkdir()
    (directory.output / "config.json").write_text("{}")
    return directory


def exported(run: RunDirectory, act: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, bool]:
    """What is said at the end of an exporter that does `act`."""
    program = tmp_path / "exporter"
    program.write_text(EXPORTER.format(act=act))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(exporter.sys, "executable", str(program))
    ended = threading.Event()
    said: list[tuple[str, bool]] = []
    start_export(run, lambda words, well: (said.append((words, well)), ended.set()))  # type: ignore[func-returns-value]
    assert ended.wait(30)
    return said[0]


def test_its_end_is_told_and_its_words_are_in_the_console(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deployment_of(run) is None
    act = 'mkdir "$6/deployment" && touch "$6/deployment/model.onnx"'
    said, well = exported(run, act, tmp_path, monkeypatch)
    assert well
    assert said == f"exported to {run.output / 'deployment'}"
    assert deployment_of(run) == run.output / "deployment"
    assert f"exporting {run.output}" in run.console_file.read_text()


def test_a_failure_is_told_with_the_exporters_words(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, well = exported(run, 'echo "error: no weights" >&2; exit 2', tmp_path, monkeypatch)
    assert (said, well) == ("export failed: error: no weights", False)


def test_a_run_that_saved_nothing_has_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no model"):
        start_export(sample_run.make_run(tmp_path), lambda _said, _well: None)


def test_a_second_export_is_refused_while_one_works(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, gate = tmp_path / "exporter", tmp_path / "gate"
    os.mkfifo(gate)
    program.write_text(EXPORTER.format(act=f'read line < "{gate}"'))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(exporter.sys, "executable", str(program))
    ended = threading.Event()
    start_export(run, lambda _said, _well: ended.set())
    with pytest.raises(UserError, match="being exported already"):
        start_export(run, lambda _said, _well: None)
    gate.write_text("go\n")
    assert ended.wait(30)
    assert not is_exporting(run)
