"""Movement pruning with given gradients against the original: weights after every step, scores and masks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from engine.recipes import parse_recipe
from engine.sparsify.behaviours.movement import MovementPruning
from engine.sparsify.context import TrainingContext
from engine.sparsify.manager import SparsificationManager

GOLDEN = Path(os.environ.get("SQA_GOLDEN_DIR", Path(__file__).parents[3] / "shared" / "golden"))
if not (GOLDEN / "obs.json").is_file():
    pytest.skip(f"no golden data in {GOLDEN} (SQA_GOLDEN_DIR names the folder)", allow_module_level=True)

CASES: list[dict[str, Any]] = [
    case for case in json.loads((GOLDEN / "obs.json").read_text())["cases"] if case["kind"] == "movement"
]
TENSORS = load_file(GOLDEN / "obs.safetensors")
GRADIENTS = 12


class Net(nn.Module):
    """Parameters whose gradients are given."""

    def __init__(self, case: dict[str, Any]) -> None:
        super().__init__()
        for index in range(case["parameters"]):
            weight = TENSORS[f"{case['id']}.w{index}"]
            layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
            layer.weight = nn.Parameter(weight.clone())
            setattr(self, f"p{index}", layer)

    def loss(self, gradients: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack([(p * g).sum() for p, g in zip(self.parameters(), gradients, strict=True)]).sum()


def _recipe(case: dict[str, Any]) -> str:
    fields = "".join(f"\n    {name}: {value}" for name, value in case["fields"].items())
    return f"modifiers:\n  - !MovementPruningModifier{fields}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_scores_masks_and_weights_equal_the_original(case: dict[str, Any]) -> None:
    name, spe = case["id"], case["steps_per_epoch"]
    model = Net(case)
    manager = SparsificationManager(parse_recipe(_recipe(case)), sparseml_compatible=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=case["optimizer"]["lr"])
    manager.initialize(model, optimizer, TrainingContext(steps_per_epoch=spe, total_steps=case["steps"]))
    (pruning,) = manager.behaviours
    assert isinstance(pruning, MovementPruning)
    rounds = {item["step"]: (number, item) for number, item in enumerate(case["rounds"])}
    for step in range(case["steps"]):
        optimizer.zero_grad()
        model.loss([TENSORS[f"{name}.g{at}"][step % GRADIENTS] for at in range(case["parameters"])]).backward()
        manager.before_optimizer_step(step)
        if step in rounds:
            _check_round(name, pruning, *rounds[step])
        optimizer.step()
        manager.after_optimizer_step(step)
        for at, parameter in enumerate(model.parameters()):
            _assert_close(parameter.detach(), TENSORS[f"{name}.after{at}"][step])
    assert pruning.masking.active == case["fields"].get("leave_enabled", True)


def _check_round(name: str, pruning: MovementPruning, number: int, wanted: dict[str, Any]) -> None:
    assert pruning.applied == pytest.approx(wanted["target"], abs=1e-12)
    for at, (mask, score) in enumerate(zip(pruning.masking.masks, pruning.scores(), strict=True)):
        assert "".join(str(int(kept)) for kept in mask.reshape(-1).tolist()) == wanted["masks"][at], (wanted, at)
        _assert_close(score, TENSORS[f"{name}.r{number}.scores{at}"])


def _assert_close(got: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(got, wanted, atol=1e-7, rtol=1e-5, equal_nan=True)
