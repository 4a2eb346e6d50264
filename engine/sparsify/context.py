"""What passes between the trainer and the sparsification of its model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

Teacher = nn.Module | Literal["self", "disable"] | None


@dataclass(frozen=True, kw_only=True)
class TrainingContext:
    """Facts of a run that modifiers need.

    `steps_per_epoch` and `total_steps` count optimizer steps. `teacher`: a model; ``self`` for a copy of the student
    taken when distillation starts; ``disable`` to leave distillation out; None where there is none.
    `gradient_batches` yields batches for modifiers that sample gradients of their own.
    """

    steps_per_epoch: int
    total_steps: int
    teacher: Teacher = None
    gradient_batches: Callable[..., Any] | None = None

    @property
    def total_epochs(self) -> float:
        """Length of the run in epochs."""
        return self.total_steps / self.steps_per_epoch


@dataclass(frozen=True)
class LossParts:
    """The loss to go back from, and what it is made of; `distillation` is None where nothing is distilled."""

    total: torch.Tensor
    task: torch.Tensor
    distillation: torch.Tensor | None = None


@dataclass(frozen=True)
class LayerReport:
    """One prunable weight: its shape, its share of zeros, the share aimed at (None: not pruned) and whether it is
    quantized."""

    name: str
    shape: tuple[int, ...]
    sparsity: float
    target: float | None
    quantised: bool


@dataclass(frozen=True)
class Change:
    """A phase entered or left, or a mask renewed (`action` ``update``), at a step of the run."""

    phase: str
    action: Literal["enter", "leave", "update"]
    text: str
    step: int
    epoch: float
