"""Quantization without training: ranges from a few batches of the training questions, then frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from engine.errors import UserError
from engine.question_answering.preflight import build_spec, check_run, parse_light
from engine.question_answering.training import arguments_of, run
from engine.runs.launch import create_run
from engine.runs.listing import summarize
from engine.runs.paths import RunDirectory
from engine.runs.reader import EventReader
from engine.runs.recorder import RunRecorder
from engine.runs.spec import read_spec
from engine.sparsify.checkpoint import load_question_answering_model
from engine.sparsify.quantization.fake_quantizer import fake_quantizers
from sqa_tui.watchers.plan import draw_plan
from sqa_tui.watchers.reducer import RunReducer
from tests.functional.test_question_answering_obs import run_here, stop_at_sampling
from tests.tiny_models import write_dense

RECIPE = """
modifiers:
  - !EpochRangeModifier {{start_epoch: 0.0, end_epoch: 2.0}}
  - !GMPruningModifier {{params: ['re:bert.encoder.*dense.weight'], init_sparsity: 0.1, final_sparsity: 0.6,
      start_epoch: 0, end_epoch: 1, update_frequency: 1}}
  - !QuantizationModifier {{start_epoch: 1.0, disable_quantization_observer_epoch: 1.5,
      quantize_linear_activations: 0, exclude_module_types: [LayerNorm]{further}}}
"""
LENGTHS = ["--max_seq_length", "48", "--doc_stride", "16", "--per_device_train_batch_size", "8"]
DATA = ["--dataset_name", "facts", "--max_train_samples", "20", "--max_eval_samples", "4"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dense(tmp_path_factory.mktemp("dense") / "model", num_hidden_layers=1)


def _line(model: Path, further: str = "") -> list[str]:
    recipe = model.parent / "recipe.yaml"
    recipe.write_text(RECIPE.format(further=further))
    return ["--model_name_or_path", str(model), "--recipe", str(recipe), "--one_shot", "--use_cpu", *LENGTHS]


def _run(*line: str) -> RunDirectory:
    directory = create_run(slug="once", spec=build_spec(list(line)))
    spec = read_spec(directory)
    with RunRecorder(directory, signals=False) as recorder:
        run(spec, arguments_of(spec), recorder)
    return directory


def _events(directory: RunDirectory, kind: str) -> list[dict[str, Any]]:
    return [event for event in EventReader(directory.events_file).read() if event["kind"] == kind]


def test_ranges_come_from_the_pruned_model_and_stay(model: Path) -> None:
    directory = _run(*_line(model, ", num_calibration_steps: 2"), *DATA, "--do_eval", "--export")
    assert any("2 batches of 8 training windows" in event["message"] for event in _events(directory, "alert"))
    (evaluation,) = _events(directory, "eval")
    assert evaluation["samples"] == 4
    (export,) = _events(directory, "export")
    assert export["difference"] <= export["tolerance"]
    loaded = load_question_answering_model(str(directory.output)).model
    weight = loaded.get_parameter("bert.encoder.layer.0.output.dense.weight").detach()
    assert float((weight == 0).float().mean()) == pytest.approx(0.6, abs=1e-2)
    quantizers = dict(fake_quantizers(loaded))
    assert all(quantizer.calibrated and not quantizer.observing for quantizer in quantizers.values())
    seen = quantizers["bert.encoder.layer.0.output.dense.weight_fake_quant"]
    assert float(seen.max_val) == float(weight.max())
    with torch.no_grad():
        loaded.train()(torch.ones(1, 8, dtype=torch.long))
    assert float(seen.max_val) == float(weight.max())


def test_a_finished_one_shot_is_one_step_that_is_done(model: Path) -> None:
    directory = _run(*_line(model), *DATA, "--do_eval")
    (start,), (metric,) = _events(directory, "start"), _events(directory, "metric")
    assert (start["total_steps"], start["steps_per_epoch"], start["total_epochs"], start["timeline"]) == (1, 1, 1, [])
    assert (metric["step"], metric["epoch"]) == (1, 1)
    assert metric["sparsity"] == pytest.approx(0.6, abs=1e-3)
    assert metric["sparsity_target"] == pytest.approx(0.6)
    layers = {event["name"]: event for event in _events(directory, "layer")}
    assert layers["bert.encoder.layer.0.output.dense.weight"]["sparsity"] == pytest.approx(0.6, abs=1e-3)
    assert {event["step"] for event in [*layers.values(), *_events(directory, "eval")]} == {1}
    state = summarize(directory).state
    assert (state.step, state.total_steps, state.sparsity) == (1, 1, metric["sparsity"])
    reducer = RunReducer()
    reducer.take(EventReader(directory.events_file).read())
    assert (reducer.view().progress, draw_plan(directory, reducer.view()).sparsity) == (1.0, None)


def test_512_windows_where_the_recipe_says_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.question_answering.training.CALIBRATION_SAMPLES", 20)
    directory = _run(*_line(model), *DATA)
    assert any("3 batches of 8 training windows" in event["message"] for event in _events(directory, "alert"))


def test_without_training_questions_it_is_refused(model: Path) -> None:
    line = _line(model)
    errors = [problem for problem in check_run(parse_light(line)) if problem.level == "error"]
    assert [problem.subject for problem in errors] == ["data"]
    with pytest.raises(UserError, match="--one_shot cannot quantize without data"):
        _run(*line)


@pytest.mark.parametrize("start", [0, 1])
def test_a_training_calibrates_where_quantization_begins(model: Path, tmp_path: Path, start: int) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "modifiers:\n  - !EpochRangeModifier {start_epoch: 0.0, end_epoch: 2.0}\n"
        f"  - !QuantizationModifier {{start_epoch: {start}, num_calibration_steps: 3, submodules: [qa_outputs]}}\n"
    )
    line = ["--model_name_or_path", str(model), "--recipe", str(recipe), "--do_train", "--use_cpu", *LENGTHS]
    directory = _run(*line, *DATA, "--save_strategy", "no")
    (entered, left) = (event for event in _events(directory, "phase") if event["phase"] == "sample")
    step = start * _events(directory, "start")[0]["steps_per_epoch"]
    assert (entered["text"], entered["step"], left["action"]) == ("calibrating on 3 batches", step, "leave")
    assert all(
        item.calibrated for _, item in fake_quantizers(load_question_answering_model(str(directory.output)).model)
    )


def test_a_run_stopped_while_it_calibrates_goes_on_to_the_same_weights(model: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "modifiers:\n  - !EpochRangeModifier {start_epoch: 0.0, end_epoch: 2.0}\n"
        "  - !QuantizationModifier {start_epoch: 1, num_calibration_steps: 3, quantize_linear_activations: 0}\n"
    )
    line = ["--model_name_or_path", str(model), "--recipe", str(recipe), "--do_train", "--use_cpu", *LENGTHS, *DATA]
    whole = _run(*line, "--save_strategy", "no")
    stopped = create_run(slug="stopped", spec=build_spec([*line, "--save_strategy", "no"]))
    run_here(stopped, stop_at_sampling(1, stopped))
    assert _events(stopped, "exit")[-1]["outcome"] == "stopped"
    spe = _events(whole, "start")[0]["steps_per_epoch"]
    assert [Path(event["path"]).name for event in _events(stopped, "checkpoint")] == [f"checkpoint-{spe}"]
    run_here(stopped, again=True)
    expected, found = (load_file(directory.output / "model.safetensors") for directory in (whole, stopped))
    assert expected.keys() == found.keys()
    assert [name for name, value in expected.items() if not np.array_equal(found[name], value)] == []
