"""Second-order pruning with given gradients, against the original."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from engine.recipes import load_recipe
from engine.sparsify.behaviours.second_order import SecondOrderPruning
from engine.sparsify.context import TrainingContext
from engine.sparsify.manager import SparsificationManager

GOLDEN = Path(os.environ.get("SQA_GOLDEN_DIR", Path(__file__).parents[3] / "shared" / "golden"))
if not (GOLDEN / "obs.json").is_file():
    pytest.skip(f"no golden data in {GOLDEN} (SQA_GOLDEN_DIR names the folder)", allow_module_level=True)

MODIFIERS = {"obs": "OBSPruningModifier", "mfac": "MFACPruningModifier"}
CASES: list[dict[str, Any]] = [
    case for case in json.loads((GOLDEN / "obs.json").read_text())["cases"] if case["kind"] in MODIFIERS
]
TENSORS = load_file(GOLDEN / "obs.safetensors")


class Net(nn.Module):
    """Parameters p0.weight, p1.weight …; the loss of sample k has the given gradients."""

    def __init__(self, case: dict[str, Any]) -> None:
        super().__init__()
        self.given = [TENSORS[f"{case['id']}.g{index}"] for index in range(case["parameters"])]
        for index in range(case["parameters"]):
            holder = nn.Module()
            holder.weight = nn.Parameter(TENSORS[f"{case['id']}.w{index}"].clone())
            self.add_module(f"p{index}", holder)

    def forward(self, sample: int) -> torch.Tensor:
        return sum(
            ((weight * given[sample]).sum() for weight, given in zip(self.parameters(), self.given, strict=True)),
            torch.zeros(()),
        )


class Run:
    """The loop of a case; `rounds` holds what every round of pruning saw and did."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.model = Net(case)
        self.sampled: list[int] = []
        self.rounds: list[dict[str, Any]] = []
        fields = "".join(f"      {name}: {value}\n" for name, value in case["fields"].items())
        recipe = load_recipe(f"modifiers:\n  - !{MODIFIERS[case['kind']]}\n{fields}")
        self.manager = SparsificationManager(recipe, sparseml_compatible=True)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.0)
        self.of_training = case.get("gradients") == "of the training steps"
        context = TrainingContext(
            steps_per_epoch=case["steps_per_epoch"],
            total_steps=case["steps"],
            gradient_losses=None if self.of_training else lambda title, settings: self.losses,
        )
        self.manager.initialize(self.model, self.optimizer, context)
        (behaviour,) = self.manager.behaviours
        assert isinstance(behaviour, SecondOrderPruning)
        self.behaviour: SecondOrderPruning[Any] = behaviour
        self._watch()

    def losses(self, first: int, count: int, text: str) -> Generator[torch.Tensor]:
        for position in range(first, first + count):
            sample = position % len(self.model.given[0])
            self.sampled.append(sample)
            yield self.model(sample)

    def _watch(self) -> None:
        """Note targets and scores as they are used, and the weights when masks are held."""
        make, hold = self.behaviour._masks, self.behaviour.masking.hold
        scores = self.behaviour.scores

        def watched_scores() -> list[torch.Tensor]:
            self.rounds[-1]["scores"] = [score.clone() for score in scores()]
            return self.rounds[-1]["scores"]

        def watched_masks(targets: list[float]) -> list[torch.Tensor]:
            self.rounds.append({"target": targets})
            return make(targets)

        def watched_hold(masks: list[torch.Tensor]) -> None:
            hold(masks)
            samples, self.sampled = self.sampled, []
            weights = [weight.detach().clone() for weight in self.model.parameters()]
            self.rounds[-1] |= {"samples": samples, "weights": weights, "masks": self.behaviour.masking.masks}

        self.behaviour.scores = watched_scores  # pyright: ignore[reportAttributeAccessIssue]
        self.behaviour._masks = watched_masks  # pyright: ignore[reportAttributeAccessIssue]
        self.behaviour.masking.hold = watched_hold  # pyright: ignore[reportAttributeAccessIssue]

    def step(self, step: int) -> None:
        self.optimizer.zero_grad()
        if self.of_training:
            self.model(step).backward()
        self.manager.before_optimizer_step(step)
        self.optimizer.step()
        self.manager.after_optimizer_step(step)


def _tolerances(case: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """For scores and for weights."""
    if case["kind"] == "obs":
        relative = 1e-4 + 10 * case["float64_score_difference"]
        absolute = 1e-5 + 10 * case["float64_weight_difference"]
        return {"atol": 0.0, "rtol": relative}, {"atol": absolute, "rtol": 0.0}
    return {"atol": 0.0, "rtol": 1e-3}, {"atol": 1e-4, "rtol": 0.0}


def _check_round(case: dict[str, Any], number: int, got: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert got["target"] == pytest.approx(wanted["target"], abs=1e-12, rel=0)
    assert got["samples"] == wanted.get("samples", [])
    masks = ["".join(str(int(kept)) for kept in mask.reshape(-1)) for mask in got["masks"]]
    if not case.get("well_conditioned", True):
        assert [mask.count("0") for mask in masks] == [mask.count("0") for mask in wanted["masks"]]
        return
    assert masks == wanted["masks"]
    for_scores, for_weights = _tolerances(case)
    for index in range(case["parameters"]):
        name = f"{case['id']}.r{number}"
        torch.testing.assert_close(got["scores"][index], TENSORS[f"{name}.scores{index}"], **for_scores)
        torch.testing.assert_close(got["weights"][index], TENSORS[f"{name}.weights{index}"], **for_weights)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_rounds_equal_the_original(case: dict[str, Any]) -> None:
    run = Run(case)
    done = 0
    for step in range(case["steps"]):
        run.step(step)
        wanted = [found for found in case["rounds"] if found["step"] == step]
        assert len(run.rounds) == done + len(wanted), step
        for place, found in enumerate(wanted):
            _check_round(case, done + place, run.rounds[done + place], found)
        done += len(wanted)
        for index, weight in enumerate(run.model.parameters()):
            if f"{case['id']}.after{index}" in TENSORS:
                after = TENSORS[f"{case['id']}.after{index}"][step]
                torch.testing.assert_close(weight.detach(), after, **_tolerances(case)[1])
    assert done == len(case["rounds"])
