"""A run of the program with the less common modifiers: transformers' scheduler, accumulation, a stop and going on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.runs.paths import RunDirectory
from tests.functional import test_question_answering_train as runs

RECIPE = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 4}
  - !ACDCPruningModifier
    params: ["re:bert.encoder.*intermediate.dense.weight"]
    compression_sparsity: 0.5
    start_epoch: 0
    end_epoch: 4
    update_frequency: 1
  - !MovementPruningModifier
    params: ["re:bert.encoder.*attention.output.dense.weight"]
    init_sparsity: 0.2
    final_sparsity: 0.6
    start_epoch: 1
    end_epoch: 3
    update_frequency: 0.5
  - !StructuredPruningModifier
    params: ["re:bert.encoder.*(query|key).weight"]
    init_sparsity: 0.25
    final_sparsity: 0.5
    start_epoch: 1
    end_epoch: 3
    update_frequency: 1
  - !LayerPruningModifier {layers: [bert.encoder.layer.1], start_epoch: 2}
  - !SetParamModifier {params: [qa_outputs.bias], val: 0.5, start_epoch: 1}
  - !GradualParamModifier
    params: ["re:.*LayerNorm.bias"]
    init_val: 0.0
    final_val: 0.1
    start_epoch: 0
    end_epoch: 2
    update_frequency: -1
  - !PerLayerDistillationModifier
    gain: 0.5
    start_epoch: 1
    student_layer_names: [bert.encoder.layer.0, bert.encoder.layer.0.output.dense]
    teacher_layer_names: [bert.encoder.layer.0, bert.encoder.layer.0.output.dense]
"""
BATCHES = ["--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "2"]
FLAGS = ["--save_strategy", "no", "--learning_rate", "0.01", *BATCHES]
files = runs.files


@pytest.fixture(scope="module")
def inputs(files: Path) -> Path:
    (files / "recipe.yaml").write_text(RECIPE)
    return files


@pytest.fixture
def whole(inputs: Path) -> RunDirectory:
    directory = runs.create(inputs, *FLAGS)
    runs.run_here(directory)
    return directory


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(inputs: Path, whole: RunDirectory) -> None:
    weights = load_file(whole.output / "model.safetensors")
    for part, sparsity in (("intermediate.dense", 0.5), ("attention.output.dense", 0.6), ("query", 0.5)):
        found = [value for name, value in weights.items() if name.endswith(f"{part}.weight")]
        assert [float(np.mean(value == 0)) for value in found] == pytest.approx([sparsity] * len(found), abs=0.01)
    distilled = {event["step"]: "distillation_loss" in event for event in runs.events(whole, "metric")}
    assert distilled == {step: step > 3 for step in distilled}  # quick steps are told together
    assert 12 in distilled

    for stop_at in (5, 8):
        directory = runs.create(inputs, *FLAGS)
        runs.run_here(directory, runs.stop_when("metric", stop_at))
        assert runs.events(directory, "exit")[-1]["outcome"] == "stopped"
        runs.run_here(directory)
        assert [event["step"] for event in runs.events(directory, "metric")][-1] == 12
        found = load_file(directory.output / "model.safetensors")
        assert found.keys() == weights.keys()
        for name, value in weights.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)
