"""What happens at which step, against traces measured on the original."""

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
from engine.sparsify.behaviours.acdc import AlternatingPruning
from engine.sparsify.behaviours.pruning import MaskingBehaviour
from engine.sparsify.context import TrainingContext
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.quantization.fake_quantizer import fake_quantizers

GOLDEN = Path(os.environ.get("SQA_GOLDEN_DIR", Path(__file__).parents[3] / "shared" / "golden"))
if not (GOLDEN / "schedules.json").is_file():
    pytest.skip(f"no golden data in {GOLDEN} (SQA_GOLDEN_DIR names the folder)", allow_module_level=True)

CASES: list[dict[str, Any]] = json.loads((GOLDEN / "schedules.json").read_text())["cases"]
TENSORS = load_file(GOLDEN / "schedules.safetensors")
COLUMNS = (
    "lr",
    "weight_decay",
    "zeros",
    "applied",
    "masking",
    "requires_grad",
    "layers",
    "fake_quant",
    "distilled",
    "momentum_zero",
)


class Net(nn.Module):
    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 10), nn.Linear(10, 10)
        self.third = nn.Linear(10, 4, bias=False)
        self.load_state_dict({key: TENSORS[f"{prefix}.{key}"] for key in self.state_dict()})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.third(self.second(self.first(x)))


class Run:
    """The loop the traces were made with."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.model = Net("net")
        self.parameters = dict(self.model.named_parameters())
        self.manager = SparsificationManager(load_recipe(case["recipe"]), sparseml_compatible=True)
        self.manager.prepare(self.model)
        self.optimizer = self._optimizer()
        self.updates: list[list[int]] = [[] for _ in self.manager.behaviours]
        self.started: list[int | None] = [None for _ in self.manager.behaviours]
        self.ended: list[int | None] = [None for _ in self.manager.behaviours]
        context = TrainingContext(
            steps_per_epoch=case["steps_per_epoch"],
            total_steps=case["steps"],
            teacher=Net("teacher"),
            gradient_losses=lambda title, settings: self._losses,
        )
        self.manager.initialize(self.model, self.optimizer, context)
        for index, behaviour in enumerate(self.manager.behaviours):
            self._watch(index, behaviour)

    def _losses(self, first: int, count: int, text: str) -> Generator[torch.Tensor]:
        for _ in range(count):
            yield self.model(TENSORS["x"]).square().mean()

    def _watch(self, index: int, behaviour: Any) -> None:
        update = behaviour.update

        def watched(moment: Any) -> None:
            self.updates[index].append(moment.step)
            update(moment)

        behaviour.update = watched

    def _optimizer(self) -> torch.optim.Optimizer:
        settings = dict(self.case["optimizer"])
        kind, decay = settings.pop("kind"), settings.pop("weight_decay", 0.01)
        named = self.parameters.items()
        groups = [
            {"params": [parameter for name, parameter in named if name.endswith("weight")], "weight_decay": decay},
            {"params": [parameter for name, parameter in named if name.endswith("bias")], "weight_decay": 0.0},
        ]
        return getattr(torch.optim, kind)(groups, **settings)

    def step(self, step: int) -> dict[str, Any]:
        x = TENSORS["x"]
        with torch.no_grad():
            for name, index in self.case.get("set_to_zero", {}).get(str(step), []):
                self.parameters[name].view(-1)[index] = 0.0
        self.optimizer.zero_grad()
        out = self.model(x)
        task = out.square().mean()
        parts = self.manager.loss(step, task, out, {"x": x})
        if parts.total.requires_grad:
            parts.total.backward()
        self.manager.before_optimizer_step(step)
        self.optimizer.step()
        self.manager.after_optimizer_step(step)
        for index, behaviour in enumerate(self.manager.behaviours):
            if behaviour.schedule.started and self.started[index] is None:
                self.started[index] = step
            if behaviour.schedule.ended and self.ended[index] is None:
                self.ended[index] = step
        return self._columns(int(parts.distillation is not None))

    def _columns(self, distilled: int) -> dict[str, Any]:
        quantizers = [quantizer for _, quantizer in fake_quantizers(self.model)]
        masked = [item for item in self.manager.behaviours if isinstance(item, MaskingBehaviour)]
        applied = [_applied(item) for item in masked]
        order = ("first.weight", "first.bias", "second.weight", "second.bias", "third.weight")
        names = {"PassThrough": "Identity", "QuantizedLinear": "Linear"}
        return {
            "lr": [group["lr"] for group in self.optimizer.param_groups],
            "weight_decay": [group["weight_decay"] for group in self.optimizer.param_groups],
            "applied": applied[0] if len(applied) == 1 else applied,
            "zeros": [int((self.parameters[f"{name}.weight"] == 0).sum()) for name in ("first", "second", "third")],
            "masking": [int(item.masking.active) for item in masked],
            "requires_grad": "".join(str(int(self.parameters[name].requires_grad)) for name in order),
            "layers": [names.get(type(layer).__name__, type(layer).__name__) for layer in self.model.children()],
            "fake_quant": [
                len(quantizers),
                sum(quantizer.rounding for quantizer in quantizers),
                sum(quantizer.observing for quantizer in quantizers),
            ],
            "distilled": distilled,
            "momentum_zero": int(not any(_momentum(state) for state in self.optimizer.state.values())),
        }


def _momentum(state: dict[str, Any]) -> bool:
    buffer = state.get("momentum_buffer")
    return buffer is not None and bool(buffer.any())


def _applied(behaviour: MaskingBehaviour[Any]) -> list[float | None] | float | None:
    if any(target is None for target in behaviour.applied):
        return None
    return behaviour.applied[0] if isinstance(behaviour, AlternatingPruning) else behaviour.applied


def _value(runs: list[list[Any]], step: int) -> Any:
    return [value for first, value in runs if first <= step][-1]


def _same(name: str, got: Any, wanted: Any) -> bool:
    if name in ("lr", "applied") and wanted is not None:
        return got == pytest.approx(wanted, abs=1e-12, rel=0) if not _nested(wanted) else _all_same(name, got, wanted)
    return got == wanted


def _nested(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(member, list) or member is None for member in value)


def _all_same(name: str, got: Any, wanted: Any) -> bool:
    return len(got) == len(wanted) and all(_same(name, one, other) for one, other in zip(got, wanted, strict=True))


def _trace(case: dict[str, Any], run: Run) -> None:
    after_release = _released(case)
    for step in range(len(case["epoch"])):
        got = run.step(step)
        for name in COLUMNS:
            if name not in case["columns"] or (name == "zeros" and step > after_release):
                continue
            wanted = _value(case["columns"][name], step)
            assert _same(name, got[name], wanted), (step, name, got[name], wanted)


def _released(case: dict[str, Any]) -> float:
    """The step at which a mask is let go: how many weights grow back from then on is no matter of schedules."""
    steps = [first for first, value in case["columns"].get("masking", []) if first and 0 in value]
    return min((step for step in steps if step > 0), default=float("inf"))


@pytest.mark.parametrize("case", [case for case in CASES if "error" in case], ids=lambda case: case["id"])
def test_run_equals_the_original_until_that_fails(case: dict[str, Any]) -> None:
    """Past the end of an interpolation that is undefined there the original dies; here it has its final value."""
    run, failed = Run(case), case["error_step"]
    for step in range(failed):
        got = run.step(step)
        for name, column in case["columns"].items():
            assert _same(name, got[name], _value(column, step)), (step, name)
    run.step(failed)
    assert run.updates == case["updates"]
    assert _applied(run.manager.behaviours[0]) == [0.8, 0.8]


@pytest.mark.parametrize("case", [case for case in CASES if "error" not in case], ids=lambda case: case["id"])
def test_run_equals_the_original(case: dict[str, Any]) -> None:
    run = Run(case)
    _trace(case, run)
    assert run.updates == case["updates"]
    assert run.started == case["started"]
    assert run.ended == case["ended"]
    if "layers_after_finalize" in case:
        run.manager.finalize()
        assert run._columns(0)["layers"] == case["layers_after_finalize"]
