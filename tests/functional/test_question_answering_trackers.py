"""What trackers are told: losses and scores as ever, and what the recipe does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.question_answering.preflight import build_spec, check_run, parse_light
from engine.question_answering.trackers import PACKAGES
from engine.runs.launch import create_run
from engine.runs.paths import runs_root
from tests.functional.test_question_answering_train import create, events, files, row, run_here

__all__ = ["files", "row"]


def test_tensorboard_gets_sparsity_phases_and_scores(files: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    directory = create(files, "--report_to", "tensorboard", "--logging_steps", "2", "--save_strategy", "no")
    run_here(directory)
    (written,) = directory.output.glob("runs/*")
    read = EventAccumulator(str(written))
    read.Reload()
    scalars = {tag: {item.step: item.value for item in read.Scalars(tag)} for tag in read.Tags()["scalars"]}
    steps = [2, 4, 6, 8, 10, 12]
    for name in ("loss", "learning_rate", "task_loss", "distillation_loss", "sparsity", "sparsity_target"):
        assert list(scalars[f"train/{name}"]) == steps, name
    assert scalars["train/sparsity"][12] == pytest.approx(0.8, abs=1e-3)
    # The recipe's rate, which falls from 0.01 to 0 in twelve steps; not the command line's.
    assert scalars["train/learning_rate"][2] == pytest.approx(0.01 * 11 / 12, rel=1e-3)
    # Two epochs, which are six steps, of pruning; then quantization is simulated; the teacher takes part throughout.
    assert list(scalars["train/phase_prune"].values()) == [1, 1, 0, 0, 0, 0]
    assert list(scalars["train/phase_qat"].values()) == [0, 0, 1, 1, 1, 0]
    assert list(scalars["train/phase_distil"].values())[:5] == [1] * 5
    assert scalars["eval/f1"][12] == pytest.approx(events(directory, "eval")[-1]["f1"])


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> str:
    """A tracker whose package is not there."""
    monkeypatch.setitem(PACKAGES, "mlflow", ("no_such_package_of_a_tracker",))
    return "mlflow"


def test_a_tracker_that_is_not_installed_is_said_before_anything_is_loaded(files: Path, absent: str) -> None:
    line = ["--model_name_or_path", str(files / "model"), "--train_file", str(files / "train.json"), "--do_train"]
    line += ["--report_to", "tensorboard", absent]
    errors = [problem for problem in check_run(parse_light(line)) if problem.level == "error"]
    assert [(problem.subject, problem.message) for problem in errors][-1:] == [
        ("task", "--report_to mlflow: the package no_such_package_of_a_tracker is not installed")
    ]
    assert errors[-1].hint.startswith("pip install")
    with pytest.raises(UserError, match="--report_to mlflow"):
        run_here(create_run(slug="tracked", spec=build_spec([*line, "--use_cpu"])))


def test_the_command_ends_with_2_and_leaves_no_run(files: Path) -> None:
    missing = next((name for name, packages in PACKAGES.items() if not any(map(_is_there, packages))), None)
    if missing is None:
        pytest.skip("every tracker is installed here")
    command = [sys.executable, "-m", "sqa_tui", "train", "--model_name_or_path", str(files / "model"), "--do_train"]
    command += ["--train_file", str(files / "train.json"), "--report_to", missing]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("error")] == [
        f"error: --report_to {missing}: the package {missing} is not installed "
        f"(pip install {missing}, or --report_to none)"
    ]
    assert not runs_root().exists()


def _is_there(package: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(package) is not None
