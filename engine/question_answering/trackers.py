"""Trackers that watch a run (`--report_to`): which of them can be used, and what they are told beside losses; no torch.

transformers' own callbacks talk to the trackers; they pass on what the trainer logs.
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Mapping
from typing import Any

from engine.errors import UserError, plain
from engine.question_answering.problem import Problem
from engine.recipes import Recipe
from engine.recipes.phases import phases

PACKAGES: dict[str, tuple[str, ...]] = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
    "trackio": ("trackio",),
}
"""Trackers with the packages one of which they need."""
OTHERS = [
    "azure_ml",
    "clearml",
    "codecarbon",
    "comet_ml",
    "dagshub",
    "dvclive",
    "flyte",
    "kubeflow",
    "neptune",
    "swanlab",
    "all",
    "none",
]
"""What transformers knows besides; it checks those itself."""
FIGURES = ("task_loss", "distillation_loss", "sparsity", "sparsity_target", "samples_per_second")
"""Figures of a step whose means are logged; the loss and the learning rate are logged by transformers itself."""


def check_trackers(arguments: Mapping[str, Any]) -> list[Problem]:
    """An error for each tracker of `report_to` that is unknown, or whose package is not installed."""
    wanted = arguments.get("report_to") or ()
    found: list[Problem] = []
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name not in (*PACKAGES, *OTHERS):
            near = difflib.get_close_matches(str(name), [*PACKAGES, *OTHERS], n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose among {', '.join(PACKAGES)}, or none"
            found.append(Problem("error", "task", f"--report_to: {plain(str(name), 40)!r} is unknown", hint))
        packages = PACKAGES.get(name, ())
        if packages and not any(importlib.util.find_spec(package) for package in packages):
            message = f"--report_to {plain(name, 40)}: the package {packages[0]} is not installed"
            found.append(Problem("error", "task", message, f"pip install {packages[0]}, or --report_to none"))
    return found


def require_trackers(arguments: Mapping[str, Any]) -> None:
    """Raises `UserError` for the first tracker that cannot be used."""
    for problem in check_trackers(arguments):
        raise UserError(problem.message, problem.hint)


class Tracked:
    """What a run tells its trackers at every `logging_steps`: means since the last time, and the recipe's phases."""

    def __init__(self, recipe: Recipe | None, total_epochs: float) -> None:
        self._phases = phases(recipe, total_epochs) if recipe is not None else ()
        self._sums: dict[str, tuple[float, int]] = {}

    def add(self, figures: Mapping[str, float]) -> None:
        """Take in the figures of one step."""
        for name in FIGURES:
            if name in figures:
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = (total + figures[name], count + 1)

    def take(self, epoch: float) -> dict[str, float]:
        """The means since the last call, and for each phase of the recipe whether `epoch` is in it (1) or not (0)."""
        means = {name: total / count for name, (total, count) in self._sums.items()}
        self._sums = {}
        return {**means, **self._in(epoch)}

    def _in(self, epoch: float) -> dict[str, float]:
        found: dict[str, float] = {}
        for phase in self._phases:
            name = f"phase_{phase.name}"
            found[name] = max(found.get(name, 0.0), float(phase.start_epoch <= epoch < phase.end_epoch))
        return found
