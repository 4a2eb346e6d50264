"""Exported files against the original's: the same weights and scales, the same inputs, ONNX Runtime on both sides."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.numpy import load_file
from transformers import BertConfig, BertForQuestionAnswering

from engine.export.export import build_graph
from engine.export.load import prepare
from engine.export.parity import torch_logits
from engine.pipeline.runtime import OnnxModel
from engine.recipes import load_recipe
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.quantization.fake_quantizer import fake_quantizers

NAMES = ("input_ids", "attention_mask", "token_type_ids")
LEVELS = ((False, "disabled"), (True, "default"))


class Golden:
    def __init__(self, folder: Path) -> None:
        self.quantization = json.loads((folder / "qat.json").read_text())
        self.arrays = load_file(folder / "qat.safetensors")
        self.export = {case["id"]: case for case in json.loads((folder / "export.json").read_text())["cases"]}
        self.outputs = load_file(folder / "export.safetensors")

    def model(self, case: dict[str, Any] | None = None) -> Any:
        """The model of a case with the recorded scales, or the dense one."""
        model = BertForQuestionAnswering(BertConfig(**self.quantization["config"]))
        prefix = "weights."
        weights = {name.removeprefix(prefix): values for name, values in self.arrays.items() if name.startswith(prefix)}
        model.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
        if case is not None:
            SparsificationManager(load_recipe(case["recipe"])).prepare(model, float("inf"))
            _set_scales(model, case["fake_quants"])
        return prepare(model)

    def case(self, name: str) -> dict[str, Any]:
        return next(case for case in self.quantization["cases"] if case["id"] == name)

    def inputs(self, name: str, index: int) -> dict[str, np.ndarray]:
        return {key: self.arrays[f"{name}.eval{index}.{key}"].astype(np.int64) for key in NAMES}

    def logits(self, name: str, stage: str, level: str, index: int) -> list[np.ndarray]:
        return [self.outputs[f"{name}.{stage}.{level}.eval{index}.{side}_logits"] for side in ("start", "end")]


def _set_scales(model: Any, rows: list[dict[str, Any]]) -> None:
    quantizers = dict(fake_quantizers(model))
    assert len(quantizers) == len(rows)
    for row in rows:
        quantizer = quantizers[f"{row['layer']}.{row['tensor']}_fake_quant"]
        quantizer.fix(row["scale"][0], row["zero_point"][0])


@pytest.fixture(scope="module")
def golden(golden_dir: Path) -> Golden:
    return Golden(golden_dir)


def _largest(first: Any, second: Any) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["standard", "early", "scheme"])
def test_quantised_file_says_what_the_original_file_says(golden: Golden, name: str, tmp_path: Path) -> None:
    model, path = golden.model(golden.case(name)), tmp_path / "model.onnx"
    build_graph(model, 24, 17, path)
    for optimised, level in LEVELS:
        runtime = OnnxModel(path, optimise=optimised)
        for index in range(3):
            inputs = golden.inputs(name, index)
            found = runtime.run(inputs)
            assert _largest(found, golden.logits(name, "qdq", level, index)) <= 0.15
            # Weights are rounded as torch rounds them, so what is left are roundings of activations in doubt.
            assert _largest(found, torch_logits(model, inputs)) <= 1e-3


@pytest.mark.parametrize("name", ["standard", "early", "scheme"])
def test_stored_integers_are_those_of_the_converted_original(golden: Golden, name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    build_graph(golden.model(golden.case(name)), 24, 17, path)
    rows = golden.export[name]["converted"]["initializers"]
    recorded = {row["sha256"] for row in rows if row["dtype"] == "uint8" and len(row["shape"]) == 2}
    stored = [numpy_helper.to_array(item) for item in onnx.load(str(path)).graph.initializer]
    matrices = [values for values in stored if values.dtype == np.int8 and values.ndim == 2]
    assert len(matrices) == 16
    # The original moves int8 to uint8 by adding 128.
    ours = {
        hashlib.sha256((values.astype(np.int16) + 128).astype(np.uint8).tobytes()).hexdigest() for values in matrices
    }
    assert ours == recorded


def test_dense_file_says_what_the_original_file_says(golden: Golden, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    build_graph(golden.model(), 24, 17, path)
    for optimised, level in LEVELS:
        runtime = OnnxModel(path, optimise=optimised)
        for index in range(3):
            found = runtime.run(golden.inputs("standard", index))
            assert _largest(found, golden.logits("dense", "float", level, index)) <= 1e-4
