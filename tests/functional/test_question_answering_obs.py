"""Runs by recipes that sample gradients: whole, stopped while they sample, in one shot, refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.errors import UserError
from engine.question_answering.failures import in_words
from engine.question_answering.preflight import build_spec, check_run, parse_light
from engine.question_answering.training import arguments_of, run
from engine.runs.control import ControlInbox, request
from engine.runs.launch import create_run
from engine.runs.paths import RunDirectory
from engine.runs.reader import EventReader
from engine.runs.recorder import RunRecorder
from engine.runs.spec import read_spec
from tests.tiny_models import write_dense

PRUNED = '["re:bert.encoder.*dense.weight"]'
RECIPE = f"""
modifiers:
  - !EpochRangeModifier {{start_epoch: 0.0, end_epoch: 4.0}}
  - !LearningRateFunctionModifier {{start_epoch: 0.0, end_epoch: 4.0, lr_func: linear, init_lr: 0.01, final_lr: 0.0}}
  - !OBSPruningModifier
    params: {PRUNED}
    init_sparsity: 0.3
    final_sparsity: 0.8
    start_epoch: 1.0
    end_epoch: 4.0
    update_frequency: 1.0
    num_grads: 5
    num_recomputations: 2
    fisher_block_size: 8
    grad_sampler_kwargs: {{batch_size: 2}}
  - !DistillationModifier {{hardness: 0.5, temperature: 2.0, distill_output_keys: [start_logits, end_logits]}}
"""
ONCE = f"""
modifiers:
  - !MFACPruningModifier {{params: {PRUNED}, init_sparsity: 0.1, final_sparsity: 0.6, start_epoch: 0, end_epoch: 1,
      update_frequency: 1, num_grads: 6, fisher_block_size: 50}}
"""
LENGTHS = ["--max_seq_length", "48", "--doc_stride", "16", "--per_device_train_batch_size", "4"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with dropout, a teacher and recipes."""
    folder = tmp_path_factory.mktemp("files")
    write_dense(folder / "model", hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    write_dense(folder / "teacher", num_hidden_layers=1)
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "once.yaml").write_text(ONCE)
    return folder


def create(files: Path, *further: str, recipe: str = "recipe.yaml") -> RunDirectory:
    line = ["--model_name_or_path", str(files / "model"), "--recipe", str(files / recipe), "--use_cpu", *LENGTHS]
    line += ["--dataset_name", "facts", "--max_train_samples", "20", "--save_strategy", "no"]
    return create_run(slug="obs", spec=build_spec([*line, *further]))


def train(files: Path, *further: str) -> RunDirectory:
    teacher = ["--distill_teacher", str(files / "teacher"), "--gradient_accumulation_steps", "2"]
    return create(files, "--do_train", *teacher, *further)


def run_here(
    directory: RunDirectory, watch: Callable[[RunRecorder], None] = lambda recorder: None, *, again: bool = False
) -> None:
    """Run the engine in this process, without its signal handlers."""
    spec = read_spec(directory)
    with RunRecorder(directory, signals=False) as recorder, in_words(recorder):
        watch(recorder)
        run(spec, arguments_of(spec), recorder, again=again)


def events(directory: RunDirectory, kind: str) -> list[dict[str, Any]]:
    return [event for event in EventReader(directory.events_file).read() if event["kind"] == kind]


def samplings(directory: RunDirectory) -> list[dict[str, Any]]:
    return [event for event in events(directory, "phase") if event["phase"] == "sample"]


def stop_at_sampling(number: int, directory: RunDirectory) -> Callable[[RunRecorder], None]:
    """Ask for a stop by a command, as the app does, at the third gradient of the given round."""

    def watch(recorder: RunRecorder) -> None:
        recorder._inbox = ControlInbox(directory, poll_seconds=0.0)
        emit, progress = recorder.emit, recorder.progress
        seen = {"rounds": 0, "gradients": 0}

        def watching(kind: str, **fields: Any) -> None:
            emit(kind, **fields)
            if fields.get("phase") == "sample" and fields["action"] == "enter":
                seen.update(rounds=seen["rounds"] + 1, gradients=0)

        def counting() -> None:
            progress()
            seen["gradients"] += 1
            if (seen["rounds"], seen["gradients"]) == (number, 2):
                request(directory, "stop")

        recorder.emit = watching  # pyright: ignore[reportAttributeAccessIssue]
        recorder.progress = counting  # pyright: ignore[reportAttributeAccessIssue]

    return watch


@pytest.fixture(scope="module")
def whole(files: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SQA_HOME", str(tmp_path_factory.mktemp("home")))
        directory = train(files)
        run_here(directory)
    return directory


def test_the_model_is_pruned_and_the_sampling_told(whole: RunDirectory) -> None:
    weights = load_file(whole.output / "model.safetensors")
    pruned = [value for name, value in weights.items() if "encoder" in name and name.endswith("dense.weight")]
    zeros = sum(int(np.sum(value == 0)) for value in pruned)
    assert zeros == round(0.8 * sum(value.size for value in pruned))
    entered = [event for event in samplings(whole) if event["action"] == "enter"]
    spe = events(whole, "start")[0]["steps_per_epoch"]
    # Two rounds at each update; the last one is made when the run is finalized.
    assert [event["step"] for event in entered] == [spe, spe, 2 * spe, 2 * spe, 3 * spe, 3 * spe, 4 * spe, 4 * spe]
    assert entered[0]["text"] == "OBSPruningModifier: sampling 5 gradients"
    assert {event["expect_next_in"] for event in entered} == {900.0}
    assert len(samplings(whole)) == 2 * len(entered)
    # A step that samples trains as well: its loss and its gradient count.
    metrics = events(whole, "metric")
    assert metrics[-1]["step"] == 4 * spe
    assert all(event.get("gradient_norm_min", event["gradient_norm"]) > 0 for event in metrics)


@pytest.mark.parametrize("round_", [1, 4, 8])
def test_a_run_stopped_while_it_samples_goes_on_to_the_same_weights(
    files: Path, whole: RunDirectory, round_: int
) -> None:
    """In the first round of an update, in the second of one, and when the run is finalized."""
    directory = train(files)
    run_here(directory, stop_at_sampling(round_, directory))
    assert events(directory, "exit")[-1]["outcome"] == "stopped"
    assert [event["command"] for event in events(directory, "control") if event["accepted"]] == ["stop"]
    spe = events(whole, "start")[0]["steps_per_epoch"]
    assert events(directory, "checkpoint")[-1]["path"].endswith(f"checkpoint-{(round_ + 1) // 2 * spe}")
    assert not (directory.output / "model.safetensors").exists()

    run_here(directory, again=True)
    assert events(directory, "exit")[-1]["outcome"] == "finished"
    expected, found = (load_file(one.output / "model.safetensors") for one in (whole, directory))
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_one_shot_samples_the_training_questions(files: Path) -> None:
    directory = create(files, "--one_shot", recipe="once.yaml")
    run_here(directory)
    weights = load_file(directory.output / "model.safetensors")
    pruned = weights["bert.encoder.layer.0.output.dense.weight"]
    assert np.mean(pruned == 0) == pytest.approx(0.6, abs=1e-2)
    assert samplings(directory)[0]["text"] == "MFACPruningModifier: sampling 6 gradients"


def test_one_shot_without_training_questions_is_refused(files: Path) -> None:
    line = ["--model_name_or_path", str(files / "model"), "--recipe", str(files / "once.yaml"), "--one_shot", *LENGTHS]
    problems = [problem for problem in check_run(parse_light(line)) if problem.level == "error"]
    assert [problem.subject for problem in problems] == ["data"]
    directory = create_run(slug="once", spec=build_spec([*line, "--use_cpu"]))
    with pytest.raises(UserError, match="MFACPruningModifier: there are no gradients"):
        run_here(directory)
