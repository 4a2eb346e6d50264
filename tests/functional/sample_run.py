"""A run directory with the events of a plausible run: 30 epochs that prune, then train with fake quantization."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.runs.encoding import line_of
from engine.runs.launch import create_run
from engine.runs.paths import RunDirectory
from engine.runs.spec import RecipeSource

Event = dict[str, Any]
START = 1_700_000_000.0
LAYERS = [
    f"bert.encoder.layer.{number}.{part}.weight"
    for number in range(4)
    for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
                 "intermediate.dense", "output.dense")
]  # fmt: skip
TIMELINE = [
    {"name": "dense", "start_epoch": 0.0, "end_epoch": 2.0},
    {"name": "prune", "start_epoch": 2.0, "end_epoch": 18.0},
    {"name": "qat", "start_epoch": 22.0, "end_epoch": 30.0},
    {"name": "distil", "start_epoch": 0.0, "end_epoch": 30.0},
]


@dataclass(frozen=True)
class Sample:
    """How long the run is: `steps_per_epoch` reports an epoch, `seconds` between them."""

    epochs: int = 30
    steps_per_epoch: int = 40
    seconds: float = 1.0
    start: float = START

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch


RECIPE = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0.0, end_epoch: 30.0}
  - !LearningRateFunctionModifier
    {start_epoch: 0.0, end_epoch: 30.0, lr_func: cyclic_linear, cycle_epochs: 10.0, init_lr: 8e-5, final_lr: 0.0}
  - !GMPruningModifier
    {start_epoch: 2.0, end_epoch: 18.0, update_frequency: 0.5, init_sparsity: 0.0, final_sparsity: 0.9,
     inter_func: cubic, params: __ALL_PRUNABLE__}
"""


def make_run(root: Path, slug: str = "obert-90-squad") -> RunDirectory:
    """An empty run of that name below `root`."""
    recipe = RecipeSource.of("pruned90.yaml", RECIPE)
    arguments = {"eval_strategy": "steps", "eval_steps": 80}
    return create_run(
        slug=slug, root=root, model="bert-demo", model_path="bert-demo", recipe=recipe, arguments=arguments
    )


def write_events(directory: RunDirectory, events: Iterator[Event] | list[Event]) -> None:
    """Append events as an engine writes them."""
    with directory.events_file.open("ab") as file:
        for event in events:
            file.write(line_of(event))


def events(sample: Sample = Sample(), until_epoch: float = 12.0, *, first: int = 0) -> Iterator[Event]:
    """The events from step `first` to an epoch."""
    for sequence, event in enumerate(_events(sample, until_epoch)):
        if event.get("step", 0) >= first:
            yield {"v": 1, "seq": sequence, "expect_next_in": 60.0, **event}


def target_sparsity(epoch: float) -> float:
    """Cubic from 0 at epoch 2 to 0.9 at epoch 18."""
    done = min(max((epoch - 2) / 16, 0.0), 1.0)
    return 0.9 * (1 - (1 - done) ** 3)


def metrics(epoch: float, rng: random.Random) -> Event:
    """One report of a training step."""
    target = target_sparsity(epoch)
    bump = 0.5 * target if 2 < epoch < 18 else 0.0
    task = 3.2 * math.exp(-epoch / 3) + 0.9 + bump + rng.gauss(0, 0.06)
    distillation = 2.4 * math.exp(-epoch / 3) + 0.5 + bump / 2 + rng.gauss(0, 0.04)
    return {
        "loss": round(0.5 * (task + distillation), 4),
        "task_loss": round(task, 4),
        "distillation_loss": round(distillation, 4),
        "learning_rate": 8e-5 * (1 - (epoch % 10) / 10),
        "samples_per_second": round(91 + rng.gauss(0, 1.5), 1),
        "sparsity": round(target_sparsity(max(math.floor(epoch * 2) / 2, 0.0)), 4),
        "sparsity_target": round(target, 4),
    }


def _events(sample: Sample, until_epoch: float) -> Iterator[Event]:
    rng = random.Random(7)
    yield {
        "t": sample.start, "kind": "start", "step": 0, "epoch": 0.0, "total_steps": sample.steps,
        "steps_per_epoch": sample.steps_per_epoch, "total_epochs": float(sample.epochs), "device": "cpu",
        "parameters": 11_170_000, "prunable_parameters": 3_145_728, "teacher": "bert-demo", "timeline": TIMELINE,
    }  # fmt: skip
    for step in range(int(until_epoch * sample.steps_per_epoch)):
        epoch = step / sample.steps_per_epoch
        common = {"t": sample.start + step * sample.seconds, "step": step, "epoch": epoch}
        if epoch in (2.0, 18.0, 22.0):
            yield from _phases(common, epoch)
        yield {**common, "kind": "metric", **metrics(epoch, rng)}
        if 2 <= epoch <= 18.5 and (epoch * 2).is_integer():
            yield from _layers(common, epoch)
        if step and epoch % 2 == 0:
            yield from _evaluation(common, epoch)


def _phases(common: Event, epoch: float) -> Iterator[Event]:
    if epoch == 18.0:
        yield {**common, "kind": "phase", "phase": "prune", "action": "leave", "text": ""}
        return
    name, words = ("prune", "24 parameters to 90 %") if epoch == 2.0 else ("qat", "int8, symmetric weights")
    yield {**common, "kind": "phase", "phase": name, "action": "enter", "text": words}


def _layers(common: Event, epoch: float) -> Iterator[Event]:
    for place, name in enumerate(LAYERS):
        real = target_sparsity(epoch) * (1 - 0.02 * (place % 3))
        fields = {"shape": [256, 256], "sparsity": round(real, 4), "target": round(target_sparsity(epoch), 4)}
        yield {**common, "kind": "layer", "name": name, **fields, "quantised": epoch >= 22}


def _evaluation(common: Event, epoch: float) -> Iterator[Event]:
    f1 = 88.3 - 9 * math.exp(-epoch / 3) - 2 * target_sparsity(epoch)
    scores = {"exact_match": round(f1 - 8.1, 2), "f1": round(f1, 2), "samples": 10570, "seconds": 41.2}
    yield {**common, "kind": "eval", **scores, "teacher_f1": 88.54, "recovery": round(f1 / 88.54, 4)}
    yield {**common, "kind": "checkpoint", "path": f"checkpoint-{common['step']}", "reason": "evaluation"}
