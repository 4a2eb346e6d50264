"""An output folder belongs to one run at a time, and a checkpoint to the run that wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.question_answering.artifacts import LOCK_FILE, Origin, checkpoints, found_checkpoint, own_checkpoint
from engine.runs.lock import EngineLock
from tests.functional.test_question_answering_train import create, events, files, row, run_here, stop_when

__all__ = ["files", "row"]
OURS = Origin("run-a", "model", "recipe", "facts")


def write(folder: Path, step: int, origin: Origin | None) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    if origin is not None:
        origin.write(checkpoint)
    return checkpoint


def test_a_run_resumes_from_its_own_checkpoints_only(tmp_path: Path) -> None:
    write(tmp_path, 5, OURS)
    write(tmp_path, 90, Origin("run-b", "model", "recipe"))
    write(tmp_path, 80, None)
    (tmp_path / "checkpoint-7").mkdir()
    found = own_checkpoint(tmp_path, "run-a", 0)
    assert found is not None
    assert (found.step, found.origin) == (5, OURS)
    assert own_checkpoint(tmp_path, "run-a", 5) is None
    assert own_checkpoint(tmp_path, "run-c", 0) is None
    assert [found.step for found in checkpoints(tmp_path)] == [5, 80, 90]


@pytest.mark.parametrize(
    ("origin", "word"),
    [
        (Origin("run-b", "model", "other"), "another recipe"),
        (Origin("run-b", "other", "recipe"), "another model"),
        (Origin("run-b", "model", "recipe", "squad"), "other training questions: facts"),
    ],
)
def test_a_new_run_does_not_take_a_foreign_checkpoint(tmp_path: Path, origin: Origin, word: str) -> None:
    write(tmp_path, 5, OURS)
    with pytest.raises(UserError, match=word):
        found_checkpoint(tmp_path, origin, overwrite=False)
    assert found_checkpoint(tmp_path, origin, overwrite=True) is None
    found = found_checkpoint(tmp_path, Origin("run-b", "model", "recipe", "facts"), overwrite=False)
    assert found is not None
    assert found.step == 5


def test_a_finished_run_is_not_trained_further(files: Path, tmp_path: Path) -> None:
    output = ["--output_dir", str(tmp_path / "out"), "--max_steps", "3"]
    run_here(create(files, *output))
    before = (tmp_path / "out" / "model.safetensors").read_bytes()
    with pytest.raises(UserError, match=r"finished already \(step 3 of 3\)"):
        run_here(create(files, *output))
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == before
    assert not (tmp_path / "out" / LOCK_FILE).exists()


def test_a_resumed_run_starts_anew_beside_an_older_runs_checkpoints(files: Path, tmp_path: Path) -> None:
    output = ["--output_dir", str(tmp_path / "out"), "--max_steps", "4", "--overwrite_output_dir"]
    write(tmp_path / "out", 99, OURS)
    directory = create(files, *output)
    run_here(directory, stop_when("metric", 2))
    assert events(directory, "exit")[-1]["outcome"] == "stopped"
    run_here(directory)
    assert "checkpoint-2" in "".join(event["message"] for event in events(directory, "alert"))
    assert events(directory, "metric")[-1]["step"] == 4


def test_two_runs_do_not_share_a_folder(files: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    lock = EngineLock(output / LOCK_FILE)
    lock.acquire()
    try:
        with pytest.raises(UserError, match="another run writes to"):
            run_here(create(files, "--output_dir", str(output), "--overwrite_output_dir"))
    finally:
        lock.release()


def test_a_refused_run_leaves_no_folder(files: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "modifiers:\n  - !ConstantPruningModifier\n    params: ['re:nothing.*']\n"
        "  - !EpochRangeModifier\n    start_epoch: 0.0\n    end_epoch: 1.0\n"
    )
    with pytest.raises(UserError, match="nothing"):
        run_here(create(files, "--output_dir", str(tmp_path / "out"), "--recipe", str(recipe)))
    assert not (tmp_path / "out").exists()
