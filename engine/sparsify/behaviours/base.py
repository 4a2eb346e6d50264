"""What a modifier does to a training: one class for each, found by the modifier's class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import nn

from engine.recipes.modifiers import Modifier
from engine.recipes.schedule import UpdateSchedule
from engine.sparsify.context import Change, LossParts, Teacher, TrainingContext
from engine.sparsify.masking import Masking

AnyModifier = TypeVar("AnyModifier", bound=Modifier)


@dataclass(frozen=True)
class Moment:
    """An optimizer step of the run; of an update, `starts` and `ends` say whether it is the first or the last."""

    step: int
    epoch: float
    starts: bool = False
    ends: bool = False


@dataclass
class Training:
    """The objects of a run that behaviours act on."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    context: TrainingContext
    changes: list[Change] = field(default_factory=list)


class Behaviour(Generic[AnyModifier]):
    """Does nothing: the base of all, with every occasion a behaviour may use."""

    phase: ClassVar[str | None] = None
    """The phase of the run that this behaviour stands for, from its start to its end."""

    def __init__(self, modifier: AnyModifier, *, sparseml_compatible: bool = False) -> None:
        self.modifier = modifier
        self.sparseml_compatible = sparseml_compatible
        self.schedule = UpdateSchedule.of(modifier)
        self.training: Training

    def prepare(self, model: nn.Module, epoch: float) -> None:
        """Change the structure of `model` as it is at `epoch`, before an optimizer exists."""

    def remarks(self, model: nn.Module) -> list[str]:
        """What is worth saying before a run, about this modifier and `model`."""
        return []

    def check(self, model: nn.Module, teacher: Teacher) -> None:
        """Raise `UserError` where this modifier names what `model` or `teacher` (None: not known) does not have."""

    def initialize(self, training: Training) -> None:
        """Meet the run; nothing is changed yet."""
        self.training = training

    def update(self, moment: Moment) -> None:
        """Do what is due, after backward and before the weights move."""

    def will_sample(self, epoch: float) -> bool:
        """Whether batches beside the training's are run before the step at `epoch`, or at the run's end there."""
        return False

    def before_step(self, moment: Moment) -> None:
        """Called before every optimizer step, after all updates."""

    def after_step(self) -> None:
        """Called after every optimizer step."""

    def loss(self, moment: Moment, parts: LossParts, outputs: Any, inputs: Mapping[str, Any]) -> LossParts:
        """Change the loss of the step at `moment`."""
        return parts

    def finalize(self, moment: Moment) -> None:
        """The run is over."""

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs besides model and optimizer."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""

    def structure(self) -> dict[str, Any]:
        """What of the state tells the structure of the model."""
        return {}

    def restore_structure(self, model: nn.Module, structure: dict[str, Any]) -> None:
        """Change the structure of `model` to what `structure` told."""

    def maskings(self) -> Sequence[tuple[Masking, list[float | None]]]:
        """Masks of this behaviour with the sparsity last aimed at, for each parameter."""
        return ()

    def say(self, moment: Moment, action: Any, text: str) -> None:
        """Note a change for whoever watches."""
        if self.phase is not None:
            self.training.changes.append(Change(self.phase, action, text, moment.step, moment.epoch))


BEHAVIOURS: dict[type[Modifier], type[Behaviour[Any]]] = {}
AnyBehaviour = TypeVar("AnyBehaviour", bound=type[Behaviour[Any]])


def behaviour_of(*modifiers: type[Modifier]) -> Callable[[AnyBehaviour], AnyBehaviour]:
    """Register a class as the behaviour of `modifiers`."""

    def register(behaviour: AnyBehaviour) -> AnyBehaviour:
        for modifier in modifiers:
            BEHAVIOURS[modifier] = behaviour
        return behaviour

    return register
