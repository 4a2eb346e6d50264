"""Distillation of logits and of layers, losses and gradients, against the original."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from engine.recipes import parse_recipe
from engine.sparsify.behaviours.layer_distillation import LayerDistillation
from engine.sparsify.context import TrainingContext
from engine.sparsify.distillation_loss import distillation_loss
from engine.sparsify.manager import SparsificationManager

GOLDEN = Path(os.environ.get("SQA_GOLDEN_DIR", Path(__file__).parents[3] / "shared" / "golden"))
if not (GOLDEN / "distillation.json").is_file():
    pytest.skip(f"no golden data in {GOLDEN} (SQA_GOLDEN_DIR names the folder)", allow_module_level=True)

CASES: list[dict[str, Any]] = json.loads((GOLDEN / "distillation.json").read_text())["cases"]
TENSORS = load_file(GOLDEN / "distillation.safetensors")
LAYER_CASES = [case for case in CASES if case["kind"] == "layers"]
OUTPUT_CASES = [case for case in CASES if case["kind"] == "output"]


def _task(logits: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    length = logits.shape[1]
    return F.cross_entropy(logits, positions.clamp(0, length), ignore_index=length)


@pytest.mark.parametrize("case", OUTPUT_CASES, ids=lambda case: case["id"])
def test_loss_and_gradients_equal_the_original(case: dict[str, Any]) -> None:
    names = ("student_start", "student_end", "teacher_start", "teacher_end", "start_positions", "end_positions")
    start, end, taught_start, taught_end, starts, ends = (TENSORS[f"{case['id']}.{name}"] for name in names)
    student = {"start_logits": start.clone().requires_grad_(), "end_logits": end.clone().requires_grad_()}
    teacher = {"start_logits": taught_start, "end_logits": taught_end}
    total = (_task(student["start_logits"], starts) + _task(student["end_logits"], ends)) / 2
    for modifier in case["modifiers"]:
        assert total.item() == pytest.approx(modifier["task_loss"], abs=1e-6, rel=1e-5)
        distilled = distillation_loss(student, teacher, case["keys"], modifier["temperature"])
        assert distilled.item() == pytest.approx(modifier["distillation_loss"], abs=1e-6, rel=1e-5)
        total = (1 - modifier["hardness"]) * total + modifier["hardness"] * distilled
        assert total.item() == pytest.approx(modifier["total_loss"], abs=1e-6, rel=1e-5)
    total.backward()
    for key, name in (("start_logits", "grad_start"), ("end_logits", "grad_end")):
        gradient = student[key].grad
        gradient = torch.zeros_like(start) if gradient is None else gradient
        torch.testing.assert_close(gradient, TENSORS[f"{case['id']}.{name}"], atol=1e-6, rtol=1e-4)


class Net(nn.Module):
    def __init__(self, prefix: str, width: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(5, width), nn.Linear(width, 3)
        self.load_state_dict({key: TENSORS[f"{prefix}.{key}"] for key in self.state_dict()})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.a(x).tanh())


@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: case["id"])
def test_layers_equal_the_original(case: dict[str, Any]) -> None:
    name = case["id"]
    student, teacher = (
        Net(f"{name}.{who}", size) for who, size in zip(("student", "teacher"), case["hidden"], strict=True)
    )
    fields = "".join(f"\n    {key}: {json.dumps(value)}" for key, value in case["fields"].items())
    manager = SparsificationManager(parse_recipe(f"modifiers:\n  - !PerLayerDistillationModifier{fields or ' {}'}\n"))
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    manager.initialize(student, optimizer, TrainingContext(steps_per_epoch=4, total_steps=8, teacher=teacher))
    (behaviour,) = manager.behaviours
    assert isinstance(behaviour, LayerDistillation)
    x, y = TENSORS[f"{name}.x"], TENSORS[f"{name}.y"]
    drawn = [
        TENSORS[key] for key in (f"{name}.projection.{layer}" for layer in case["student_layers"]) if key in TENSORS
    ]
    state = {"weights": drawn, "moments": [{} for _ in drawn], "settings": {}}
    behaviour.projections.load_state_dict(state, x.device)
    out = student(x)
    parts = manager.loss(0, (out - y).square().mean(), out, {"x": x})
    assert parts.task.item() == pytest.approx(case["task_loss"], abs=1e-6, rel=1e-5)
    assert parts.distillation is not None
    assert parts.distillation.item() == pytest.approx(case["distillation_loss"], abs=1e-6, rel=1e-5)
    assert parts.total.item() == pytest.approx(case["total_loss"], abs=1e-6, rel=1e-5)
    parts.total.backward()
    gradients = {f"grad.{key}": parameter.grad for key, parameter in student.named_parameters()}
    weights = zip(case["student_layers"], behaviour.projections.weights, strict=bool(drawn))
    gradients |= {f"projection_grad.{layer}": weight.grad for layer, weight in weights}
    assert {key.removeprefix(f"{name}.") for key in TENSORS if key.startswith(name) and "grad" in key} == set(gradients)
    for key, gradient in gradients.items():
        torch.testing.assert_close(gradient, TENSORS[f"{name}.{key}"], atol=1e-6, rtol=1e-4)
    # The original adds a group to the optimizer even where there is nothing to put into it.
    assert len(optimizer.param_groups) == case["optimizer_groups"] - (not drawn)
