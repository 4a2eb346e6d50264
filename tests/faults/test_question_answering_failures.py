"""What can happen to a training: no room, no memory, dead helpers, damaged checkpoints. One line each, nothing lost."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.numpy import load_file

from engine.errors import UserError
from engine.question_answering.failures import TrainingFailure, in_words
from engine.runs.paths import RunDirectory
from engine.runs.recorder import RunRecorder
from tests.functional.test_question_answering_train import create, events, files, row, run_here, stop_when

__all__ = ["files", "row"]
Watch = Callable[[RunRecorder], None]


def when(kind: str, step: int, act: Callable[[dict[str, Any]], None]) -> Watch:
    """Do `act` with every event of `kind` at `step`."""

    def watch(recorder: RunRecorder) -> None:
        emit = recorder.emit

        def watching(emitted: str, **fields: Any) -> None:
            emit(emitted, **fields)
            if emitted == kind and fields.get("step") == step:
                act(fields)

        recorder.emit = watching  # pyright: ignore[reportAttributeAccessIssue]

    return watch


def little_room(fields: dict[str, Any]) -> None:
    """While a checkpoint is written, no file may grow beyond 60 kB: less than the weights have."""
    if fields.get("phase") == "checkpoint":
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        limit = 60_000 if fields["action"] == "enter" else hard
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))


def failure(directory: RunDirectory) -> dict[str, Any]:
    return events(directory, "exit")[-1]["error"]


@pytest.fixture(scope="module")
def whole(files: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Weights of the run that nothing happened to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SQA_HOME", str(tmp_path_factory.mktemp("home")))
        directory = create(files, "--save_strategy", "no")
        run_here(directory)
    return load_file(directory.output / "model.safetensors")


def assert_same(directory: RunDirectory, expected: dict[str, np.ndarray]) -> None:
    found = load_file(directory.output / "model.safetensors")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_a_full_disk_during_a_checkpoint(files: Path, whole: dict[str, np.ndarray]) -> None:
    """The checkpoint before it survives, half a one is not left behind, and the training goes on."""
    directory = create(files, "--save_steps", "4")
    run_here(directory, when("phase", 8, little_room))
    (alert,) = [event for event in events(directory, "alert") if "could not be written" in event["message"]]
    assert alert["message"].startswith("checkpoint-8 could not be written: ")
    assert "free space" in alert["hint"]
    assert sorted(path.name for path in directory.output.glob("checkpoint-*")) == ["checkpoint-12", "checkpoint-4"]
    assert_same(directory, whole)


def test_a_full_disk_where_the_run_should_stop(files: Path, whole: dict[str, np.ndarray]) -> None:
    directory = create(files, "--save_steps", "4")

    def watch(recorder: RunRecorder) -> None:
        stop_when("metric", 6)(recorder)
        when("phase", 6, little_room)(recorder)

    with pytest.raises(TrainingFailure, match="checkpoint-6 could not be written"):
        run_here(directory, watch)
    assert failure(directory)["usage"] is False
    assert [path.name for path in directory.output.glob("checkpoint-*")] == ["checkpoint-4"]
    run_here(directory)
    assert_same(directory, whole)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(files: Path, whole: dict[str, np.ndarray]) -> None:
    directory = create(files, "--save_steps", "3")
    run_here(directory, stop_when("metric", 9))
    for name, step in (("model.safetensors", 9), ("optimizer.pt", 6)):
        file = directory.output / f"checkpoint-{step}" / name
        os.truncate(file, file.stat().st_size * 2 // 3)
    run_here(directory)
    said = [event["message"] for event in events(directory, "alert")]
    assert [text.rpartition("/")[2] for text in said if "damaged" in text] == [
        "checkpoint-6: optimizer.pt is cut off or damaged",
        "checkpoint-9: model.safetensors is cut off or damaged",
    ]
    assert any("going on from" in text and text.endswith("checkpoint-3") for text in said)
    assert_same(directory, whole)


def test_a_named_checkpoint_that_is_damaged(files: Path, tmp_path: Path) -> None:
    directory = create(files, "--save_steps", "3")
    run_here(directory, stop_when("metric", 3))
    checkpoint = directory.output / "checkpoint-3"
    os.truncate(checkpoint / "rng_state.pth", 100)
    with pytest.raises(UserError, match=r"rng_state\.pth is cut off or damaged"):
        run_here(create(files, "--resume_from_checkpoint", str(checkpoint)))


def test_weights_as_older_programs_wrote_them(files: Path, whole: dict[str, np.ndarray]) -> None:
    """A checkpoint in quantization whose weights are in pytorch_model.bin."""
    directory = create(files, "--save_steps", "3")
    run_here(directory, stop_when("metric", 8))
    checkpoint = directory.output / "checkpoint-8"
    weights = load_file(checkpoint / "model.safetensors")
    torch.save({name: torch.from_numpy(value) for name, value in weights.items()}, checkpoint / "pytorch_model.bin")
    (checkpoint / "model.safetensors").unlink()
    run_here(directory)
    assert_same(directory, whole)


def test_out_of_memory(files: Path) -> None:
    directory = create(files, "--save_steps", "3", recipe=False)
    with pytest.raises(TrainingFailure):
        run_here(directory, when("metric", 5, lambda fields: torch.empty(2**55).zero_()))
    assert failure(directory)["message"].startswith("out of memory (")
    assert "batch_size" in failure(directory)["hint"]
    assert json.loads((directory.output / "checkpoint-3" / "trainer_state.json").read_text())["global_step"] == 3


def test_a_dead_process_of_the_data(files: Path) -> None:
    # Batches enough that the process is never done with an epoch before it is killed: it works two ahead.
    flags = ("--per_device_train_batch_size", "1", "--max_steps", "500", "--dataloader_num_workers", "1")
    directory = create(files, *flags, recipe=False)

    def kill_workers(fields: dict[str, Any]) -> None:
        for child in psutil.Process().children():
            child.send_signal(signal.SIGKILL)

    with pytest.raises(TrainingFailure):
        run_here(directory, when("metric", 2, kill_workers))
    assert failure(directory)["message"].startswith("a process that prepares batches died (")
    assert "dataloader_num_workers" in failure(directory)["hint"]


def end_with(directory: RunDirectory, error: Exception, module: str) -> None:
    """End a run by `error`, raised by code of `module`."""
    with RunRecorder(directory, signals=False) as recorder, in_words(recorder):
        exec("raise error", {"__name__": module, "error": error})


@pytest.mark.parametrize("error", [ConnectionResetError(104, "Connection reset by peer"), EOFError()])
def test_a_pipe_that_breaks_before_torch_knows_of_the_death(files: Path, error: Exception) -> None:
    directory = create(files, recipe=False)
    with pytest.raises(TrainingFailure):
        end_with(directory, error, "torch.utils.data.dataloader")
    assert failure(directory)["message"].startswith("a process that prepares batches died (")


def test_a_pipe_of_another_place_is_not_taken_for_a_batch_process(files: Path) -> None:
    directory = create(files, recipe=False)
    with pytest.raises(EOFError):
        end_with(directory, EOFError("the tracker's connection"), "tracker")
    assert failure(directory)["message"] == "the tracker's connection"
