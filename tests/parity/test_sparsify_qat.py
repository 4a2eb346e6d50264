"""Quantization-aware training of a tiny BERT: placement, scales and logits, against the original."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForQuestionAnswering

from engine.recipes import load_recipe
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.quantization.fake_quantizer import FakeQuantizer, fake_quantizers
from engine.sparsify.quantization.names import own_name

GOLDEN = Path(os.environ.get("SQA_GOLDEN_DIR", Path(__file__).parents[3] / "shared" / "golden"))
if not (GOLDEN / "qat.json").is_file():
    pytest.skip(f"no golden data in {GOLDEN} (SQA_GOLDEN_DIR names the folder)", allow_module_level=True)

DATA: dict[str, Any] = json.loads((GOLDEN / "qat.json").read_text())
TENSORS = load_file(GOLDEN / "qat.safetensors")
CASES: list[dict[str, Any]] = DATA["cases"]


def _converted(case: dict[str, Any]) -> BertForQuestionAnswering:
    model = BertForQuestionAnswering(BertConfig(**DATA["config"]))
    weights = {key.removeprefix("weights."): value for key, value in TENSORS.items() if key.startswith("weights.")}
    model.load_state_dict(weights)
    SparsificationManager(load_recipe(case["recipe"])).prepare(model)
    return model.train()


def _switch(model: BertForQuestionAnswering, *, observing: bool, rounding: bool) -> None:
    for _, quantizer in fake_quantizers(model):
        quantizer.observing, quantizer.rounding = observing, rounding


@torch.no_grad()
def _run(model: BertForQuestionAnswering, key: str) -> Any:
    names = ("input_ids", "attention_mask", "token_type_ids")
    return model(**{name: TENSORS[f"{key}.{name}"].long() for name in names})


def _by_tensor(model: BertForQuestionAnswering) -> dict[tuple[str, str], FakeQuantizer]:
    found: dict[tuple[str, str], FakeQuantizer] = {}
    for name, quantizer in fake_quantizers(model):
        layer, _, which = name.removesuffix("_fake_quant").rpartition(".")
        found[layer, which] = quantizer
    return found


def _check_logits(model: BertForQuestionAnswering, prefix: str) -> int:
    _switch(model, observing=False, rounding=True)
    model.eval()
    keys = sorted({key.rsplit(".", 1)[0] for key in TENSORS if key.startswith(prefix)})
    for key in keys:
        outputs = _run(model, key)
        for name in ("start_logits", "end_logits"):
            torch.testing.assert_close(outputs[name], TENSORS[f"{key}.{name}"], atol=1e-3, rtol=0)
    return len(keys)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_placement_ranges_and_logits(case: dict[str, Any]) -> None:
    model = _converted(case)
    _switch(model, observing=True, rounding=False)
    quantizers = _by_tensor(model)
    assert set(quantizers) == {(row["layer"], row["tensor"]) for row in case["fake_quants"]}
    for batch in range(case["batches"]):
        _run(model, f"batch{batch}")
        if batch == 0:
            _check_scales(quantizers, case["fake_quants"], "scale_after_first_batch", "zero_point_after_first_batch")
    _check_scales(quantizers, case["fake_quants"], "scale", "zero_point")
    for row in case["fake_quants"]:
        quantizer = quantizers[row["layer"], row["tensor"]]
        assert (quantizer.quant_min, quantizer.quant_max) == (row["quant_min"], row["quant_max"])
        assert quantizer.arguments.symmetric == row["symmetric"]
        assert float(quantizer.min_val) == pytest.approx(row["min"][0], rel=1e-5)
        assert float(quantizer.max_val) == pytest.approx(row["max"][0], rel=1e-5)
    assert _check_logits(model, f"{case['id']}.eval") > 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_observing_while_rounding_as_in_training(case: dict[str, Any]) -> None:
    model = _converted(case)
    for batch in range(case["live_batches"]):
        _run(model, f"{case['id']}.live{batch}")
    _check_scales(_by_tensor(model), case["live"], "scale", "zero_point")
    assert _check_logits(model, f"{case['id']}.live_eval") > 0


def _check_scales(
    quantizers: dict[tuple[str, str], FakeQuantizer], rows: list[dict[str, Any]], scale: str, zero_point: str
) -> None:
    for row in rows:
        quantizer = quantizers[row["layer"], row["tensor"]]
        assert float(quantizer.scale) == pytest.approx(row[scale][0], rel=1e-5), row["layer"]
        assert int(quantizer.zero_point) == row[zero_point][0], row["layer"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_names_of_the_original_lead_to_every_own_name(case: dict[str, Any]) -> None:
    theirs = {own_name(name) for name in case["state_dict_keys"]}
    ours = set(_converted(case).state_dict())
    assert ours <= theirs
    assert {name.rsplit(".", 1)[1] for name in theirs - ours} <= {"eps", "position_ids", "token_type_ids"}
