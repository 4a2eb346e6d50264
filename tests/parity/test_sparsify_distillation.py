"""Distillation of logits, losses and gradients, against the original."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from engine.sparsify.distillation_loss import distillation_loss

GOLDEN = Path(os.environ.get("SQA_GOLDEN_DIR", Path(__file__).parents[3] / "shared" / "golden"))
if not (GOLDEN / "distillation.json").is_file():
    pytest.skip(f"no golden data in {GOLDEN} (SQA_GOLDEN_DIR names the folder)", allow_module_level=True)

CASES: list[dict[str, Any]] = json.loads((GOLDEN / "distillation.json").read_text())["cases"]
TENSORS = load_file(GOLDEN / "distillation.safetensors")
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
