"""Whole short trainings of a tiny BERT against the original."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForQuestionAnswering

from engine.recipes import load_recipe
from engine.sparsify.context import TrainingContext
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.quantization.fake_quantizer import fake_quantizers

GOLDEN = Path(os.environ.get("SQA_GOLDEN_DIR", Path(__file__).parents[3] / "shared" / "golden"))
if not (GOLDEN / "train.json").is_file():
    pytest.skip(f"no golden data in {GOLDEN} (SQA_GOLDEN_DIR names the folder)", allow_module_level=True)

DATA: dict[str, Any] = json.loads((GOLDEN / "train.json").read_text())
TENSORS = load_file(GOLDEN / "train.safetensors")
CASES: list[dict[str, Any]] = DATA["cases"]
INPUTS = ("input_ids", "attention_mask", "token_type_ids", "start_positions", "end_positions")


def _model(prefix: str) -> BertForQuestionAnswering:
    model = BertForQuestionAnswering(BertConfig(**DATA["config"]))
    names = model.state_dict()
    model.load_state_dict({name: TENSORS[f"{prefix}.{name}"] for name in names})
    return model


class Run:
    """The loop the trainings were made with."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.model = _model(case["init"])
        self.manager = SparsificationManager(load_recipe(case["recipe"]), sparseml_compatible=True)
        self.manager.prepare(self.model)
        self.parameters = dict(self.model.named_parameters())
        self.optimizer = self._optimizer()
        self.manager.initialize(self.model, self.optimizer, self.context())

    def context(self) -> TrainingContext:
        case = self.case
        return TrainingContext(
            steps_per_epoch=case["steps_per_epoch"],
            total_steps=case["steps"],
            teacher=_model("teacher"),
            gradient_losses=lambda title, settings: self._losses,
        )

    def _losses(self, first: int, count: int, text: str) -> Generator[torch.Tensor]:
        for sample in range(first, first + count):
            yield self.model(**{name: TENSORS[f"sample{sample}.{name}"].long() for name in INPUTS}).loss

    def _optimizer(self) -> torch.optim.Optimizer:
        settings = dict(self.case["optimizer"])
        settings.pop("kind")
        groups = [
            {"params": [self.parameters[name] for name in names], "weight_decay": decay}
            for names, decay in zip(self.case["parameter_groups"], settings.pop("weight_decay"), strict=True)
        ]
        return torch.optim.AdamW(groups, **settings)

    def step(self, step: int) -> dict[str, Any]:
        inputs = {name: TENSORS[f"batch{step % 8}.{name}"].long() for name in INPUTS}
        self.model.train()
        self.optimizer.zero_grad()
        outputs = self.model(**inputs)
        parts = self.manager.loss(step, outputs.loss, outputs, inputs)
        parts.total.backward()
        self.manager.before_optimizer_step(step)
        rates = [group["lr"] for group in self.optimizer.param_groups]
        decays = [group["weight_decay"] for group in self.optimizer.param_groups]
        self.optimizer.step()
        self.manager.after_optimizer_step(step)
        zeros = [int((self.parameters[name] == 0).sum()) for name in self.case["matrices"]]
        return {
            "task_loss": parts.task.item(),
            "loss": parts.total.item(),
            "lr": rates,
            "weight_decay": decays,
            "zeros": zeros,
        }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_training_equals_the_original(case: dict[str, Any]) -> None:
    run = Run(case)
    converted = False
    for wanted in case["trace"]:
        # A single flipped rounding shows in a quantized model's loss.
        tolerance = 0.1 if converted else max(1e-5, 10 * case["sensitivity"]["loss"][wanted["step"]])
        converted = converted or run.manager.quantization_active(wanted["epoch"])
        got = run.step(wanted["step"])
        assert got["loss"] == pytest.approx(wanted["loss"], abs=tolerance), wanted["step"]
        assert got["task_loss"] == pytest.approx(wanted["task_loss"], abs=tolerance), wanted["step"]
        assert got["lr"] == pytest.approx(wanted["lr"], abs=1e-12)
        assert got["weight_decay"] == wanted["weight_decay"]
        assert got["zeros"] == wanted["zeros"], wanted["step"]
    run.manager.finalize()
    _check_weights(run)
    _check_scales(run)


def _check_weights(run: Run) -> None:
    case = run.case
    tolerance = max(1e-4, 10 * case["sensitivity"]["weights"])
    loose = max(wanted["lr"][0] for wanted in case["trace"]) * case["steps"]
    names = {key.removeprefix(f"{case['id']}.final.") for key in TENSORS if key.startswith(f"{case['id']}.final.")}
    assert names == set(run.parameters)
    for name in names:
        allowed = loose if name in case["without_gradient"] else tolerance
        got, wanted = run.parameters[name].detach(), TENSORS[f"{case['id']}.final.{name}"]
        torch.testing.assert_close(got, wanted, atol=allowed, rtol=0, msg=lambda text, name=name: f"{name}: {text}")


def _check_scales(run: Run) -> None:
    quantizers = dict(fake_quantizers(run.model))
    rows = run.case.get("fake_quants", [])
    assert len(quantizers) == len(rows)
    for row in rows:
        quantizer = quantizers[f"{row['layer']}.{row['tensor']}_fake_quant"]
        assert float(quantizer.scale) == pytest.approx(row["scale"][0], rel=0.05), row["layer"]
        assert quantizer.observing == bool(row["observer_enabled"]), row["layer"]
