"""`--one_shot` with SparseGPT, Wanda and magnitude, and the same modifier in a training that is interrupted."""

from __future__ import annotations

import json
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

ONCE = "modifiers:\n  - !OneShotPruningModifier {sparsity: 0.5, num_samples: 12, %s}\n"
TRAINED = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0.0, end_epoch: 3.0}
  - !LearningRateFunctionModifier {start_epoch: 0.0, end_epoch: 3.0, lr_func: linear, init_lr: 0.01, final_lr: 0.0}
  - !OneShotPruningModifier {sparsity: 0.7, start_epoch: 1.0, num_samples: 10, mask_type: block4}
"""
THEIRS = """
sparsity_stage:
  run_type: oneshot
  sparsity_modifiers:
    SparseGPTModifier: {sparsity: 0.5, mask_structure: "2:4", targets: [Linear], ignore: ["re:.*qa_outputs"]}
"""
LENGTHS = ["--max_seq_length", "48", "--doc_stride", "16", "--per_device_train_batch_size", "5", "--use_cpu"]
DATA = ["--dataset_name", "facts", "--max_train_samples", "20", "--max_eval_samples", "4"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "dense"
    return write_dense(folder, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)


def create(model: Path, recipe: str, *further: str) -> RunDirectory:
    file = model.parent / "recipe.yaml"
    file.write_text(recipe)
    line = ["--model_name_or_path", str(model), "--recipe", str(file), *LENGTHS]
    return create_run(slug="pruned", spec=build_spec([*line, *further]))


def run_here(
    directory: RunDirectory, watch: Callable[[RunRecorder], None] = lambda recorder: None, *, again: bool = False
) -> RunDirectory:
    """Run the engine in this process, without its signal handlers."""
    spec = read_spec(directory)
    with RunRecorder(directory, signals=False) as recorder, in_words(recorder):
        watch(recorder)
        run(spec, arguments_of(spec), recorder, again=again)
    return directory


def events(directory: RunDirectory, kind: str) -> list[dict[str, Any]]:
    return [event for event in EventReader(directory.events_file).read() if event["kind"] == kind]


def encoder(folder: Path) -> dict[str, np.ndarray]:
    weights = load_file(folder / "model.safetensors")
    return {name: value for name, value in weights.items() if ".layer." in name and value.ndim == 2}


def test_one_shot_scores_before_and_after_and_its_model_exports(model: Path) -> None:
    recipe = ONCE % "method: sparsegpt"
    directory = run_here(create(model, recipe, "--one_shot", *DATA, "--do_eval", "--export"))
    assert {float(np.mean(weight == 0)) for weight in encoder(directory.output).values()} == {0.5}
    dense = load_file(model / "model.safetensors")
    moved = [
        name for name, weight in encoder(directory.output).items() if ((weight != 0) & (weight != dense[name])).any()
    ]
    assert len(moved) == 12
    results = json.loads((directory.output / "all_results.json").read_text())
    (evaluation,) = events(directory, "eval")
    assert (evaluation["dense_f1"], evaluation["f1"]) == (results["dense_f1"], results["eval_f1"])
    sampled = [event["text"] for event in events(directory, "phase") if event["phase"] == "sample" and event["text"]]
    assert sampled[-1] == "OneShotPruningModifier by sparsegpt: calibrating bert.encoder.layer.1, 2 of 2"
    said = [event["message"] for event in events(directory, "alert")]
    assert "one shot: 50.0 % of the pruned parameters are zero" in said
    assert any(text.startswith("one shot: F1 ") for text in said)
    (export,) = events(directory, "export")
    assert export["difference"] <= export["tolerance"]
    same = run_here(create(model, recipe, "--one_shot", *DATA))
    other = run_here(create(model, recipe, "--one_shot", *DATA, "--seed", "7"))
    expected = encoder(directory.output)
    assert all((weight == expected[name]).all() for name, weight in encoder(same.output).items())
    assert any((weight != expected[name]).any() for name, weight in encoder(other.output).items())


def test_a_recipe_of_llm_compressor_prunes_two_of_four(model: Path) -> None:
    directory = run_here(create(model, THEIRS, "--one_shot", *DATA))
    for weight in encoder(directory.output).values():
        assert (np.count_nonzero(weight.reshape(-1, 4), axis=1) == 2).all()


def test_magnitude_needs_no_data_and_the_others_say_so(model: Path) -> None:
    directory = run_here(create(model, ONCE % "method: magnitude", "--one_shot"))
    dense = load_file(model / "model.safetensors")
    for name, weight in encoder(directory.output).items():
        assert float(np.mean(weight == 0)) == 0.5
        assert (weight[weight != 0] == dense[name][weight != 0]).all()
    (model.parent / "wanda.yaml").write_text(ONCE % "method: wanda")
    line = ["--model_name_or_path", str(model), "--recipe", str(model.parent / "wanda.yaml"), "--one_shot", *LENGTHS]
    problems = [problem for problem in check_run(parse_light(line)) if problem.level == "error"]
    assert [problem.subject for problem in problems] == ["data"]
    with pytest.raises(UserError, match="OneShotPruningModifier calibrates, but there is no training data"):
        run_here(create(model, ONCE % "method: wanda", "--one_shot"))


def stop_at(text: str, directory: RunDirectory) -> Callable[[RunRecorder], None]:
    """Ask for a stop by a command, as the app does, when a phase of this text begins."""

    def watch(recorder: RunRecorder) -> None:
        recorder._inbox = ControlInbox(directory, poll_seconds=0.0)
        emit = recorder.emit

        def watching(kind: str, **fields: Any) -> None:
            emit(kind, **fields)
            if text in str(fields.get("text")) and fields.get("action") == "enter":
                request(directory, "stop")

        recorder.emit = watching  # pyright: ignore[reportAttributeAccessIssue]

    return watch


def test_a_training_prunes_holds_and_goes_on_to_the_same_weights(model: Path) -> None:
    line = ["--do_train", *DATA, "--save_strategy", "steps", "--save_steps", "3"]
    whole = run_here(create(model, TRAINED, *line))
    expected = load_file(whole.output / "model.safetensors")
    shares = [float(np.mean(weight == 0)) for weight in encoder(whole.output).values()]
    assert shares == pytest.approx([0.7] * 12, abs=0.01)
    spe = events(whole, "start")[0]["steps_per_epoch"]
    sampled = {event["step"] for event in events(whole, "phase") if event["phase"] == "sample"}
    assert sampled == {spe}
    targets = [(event["step"], event["sparsity"]) for event in events(whole, "metric")]
    assert next(step for step, share in targets if share > 0.6) == spe + 1

    directory = create(model, TRAINED, *line)
    run_here(directory, stop_at("calibrating bert.encoder.layer.1", directory))
    assert events(directory, "exit")[-1]["outcome"] == "stopped"
    assert events(directory, "checkpoint")[-1]["path"].endswith(f"checkpoint-{spe}")
    assert not (directory.output / "model.safetensors").exists()
    run_here(directory, again=True)
    found = load_file(directory.output / "model.safetensors")
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)

    after = whole.output / f"checkpoint-{spe // 3 * 3 + 6}"
    late = create(model, TRAINED, *line, "--resume_from_checkpoint", str(after))
    found = load_file(run_here(late).output / "model.safetensors")
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
