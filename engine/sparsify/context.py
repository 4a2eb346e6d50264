"""What passes between the trainer and the sparsification of its model."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import nn

Teacher = nn.Module | Literal["self", "disable"] | None


class GradientLosses(Protocol):
    """An endless sequence of batches beside the training's own, the same whenever it is asked for."""

    def __call__(self, first: int, count: int, text: str, /) -> Generator[torch.Tensor]:
        """The task loss of batch `first` and of the `count - 1` after it, computed when it is taken; `text` says what
        for."""
        ...


class GradientSource(Protocol):
    """Gives losses to take gradients of."""

    def __call__(self, title: str, settings: Mapping[str, Any], /) -> GradientLosses:
        """Batches by the settings of a modifier (`grad_sampler_kwargs`). Raises `UserError`, which names `title`, for
        settings that make no sense."""
        ...


class CalibrationSource(Protocol):
    """Gives inputs of the model, the same whenever it is asked for them."""

    def __call__(self, windows: int, text: str, /) -> Generator[Mapping[str, torch.Tensor]]:
        """Batches of `windows` training windows (all there are, where they are fewer), on the model's device, without
        labels; `text` says what for."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainingContext:
    """Facts of a run that modifiers need.

    `steps_per_epoch` and `total_steps` count optimizer steps. `teacher`: a model; ``self`` for a copy of the student
    taken when distillation starts; ``disable`` to leave distillation out; None where there is none.
    `gradient_losses`: losses for modifiers that sample gradients of their own, or calibrate; None where there is no
    data. `calibration_inputs`: inputs for modifiers that look at what goes through layers, likewise. `one_shot`:
    nothing is trained, the whole recipe acts in one step. `scratch`: a folder for what memory has no room for; None
    where nothing may be put on a disk.
    """

    steps_per_epoch: int
    total_steps: int
    teacher: Teacher = None
    gradient_losses: GradientSource | None = None
    calibration_inputs: CalibrationSource | None = None
    one_shot: bool = False
    scratch: Path | None = None

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
