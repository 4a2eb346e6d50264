"""Learning rates, weight decay, trainable parameters, and modifiers that change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from engine.errors import UserError
from engine.recipes.learning_rate import learning_rate_at
from engine.recipes.modifiers import (
    EpochRangeModifier,
    LearningRateFunctionModifier,
    LearningRateModifier,
    Modifier,
    SetLearningRateModifier,
    SetWeightDecayModifier,
    SparsificationLoggingModifier,
    TrainableParamsModifier,
)
from engine.recipes.stepped_rate import stepped_learning_rate_at
from engine.sparsify.behaviours.base import Behaviour, Moment, Training, behaviour_of
from engine.sparsify.context import Teacher
from engine.sparsify.parameters import NamedParameters, select_parameters


@behaviour_of(EpochRangeModifier, SparsificationLoggingModifier)
class Nothing(Behaviour[Modifier]):
    """Takes part in the recipe's epochs only; what is sparse or quantized is always reported."""


@behaviour_of(LearningRateFunctionModifier)
class LearningRateFunction(Behaviour[LearningRateFunctionModifier]):
    """Sets the learning rate before every step from the start to the end."""

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.groups = list(chosen_groups(training, self.modifier))

    def update(self, moment: Moment) -> None:
        steps_per_epoch = self.training.context.steps_per_epoch
        rate = learning_rate_at(
            self.modifier, moment.epoch, steps_per_epoch, sparseml_compatible=self.sparseml_compatible
        )
        for group in self.groups:
            group["lr"] = rate


@behaviour_of(LearningRateModifier)
class LearningRate(Behaviour[LearningRateModifier]):
    """Sets the learning rate before every step as one of torch's schedulers would."""

    def update(self, moment: Moment) -> None:
        rate = stepped_learning_rate_at(self.modifier, moment.step, self.training.context.steps_per_epoch)
        for group in self.training.optimizer.param_groups:
            group["lr"] = rate


@behaviour_of(SetLearningRateModifier)
class SetLearningRate(Behaviour[SetLearningRateModifier]):
    """Sets the learning rate once."""

    def update(self, moment: Moment) -> None:
        for group in chosen_groups(self.training, self.modifier):
            group["lr"] = self.modifier.learning_rate


@behaviour_of(SetWeightDecayModifier)
class SetWeightDecay(Behaviour[SetWeightDecayModifier]):
    """Sets the weight decay once, without `param_groups` also of groups that had none."""

    def update(self, moment: Moment) -> None:
        for group in chosen_groups(self.training, self.modifier):
            group["weight_decay"] = self.modifier.weight_decay


@behaviour_of(TrainableParamsModifier)
class TrainableParams(Behaviour[TrainableParamsModifier]):
    """Freezes or frees parameters from the start to the end."""

    def check(self, model: nn.Module, teacher: Teacher) -> None:
        self.selected(model)

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.parameters = dict(self.selected(training.model))
        self.before: dict[str, bool] = {}

    def selected(self, model: nn.Module) -> NamedParameters:
        """The parameters that are made trainable or frozen."""
        strict = self.modifier.params_strict
        return select_parameters(model, self.modifier.params, modifier=self.modifier.name, strict=strict)

    def update(self, moment: Moment) -> None:
        if moment.starts:
            self.before = {name: parameter.requires_grad for name, parameter in self.parameters.items()}
            self._set(dict.fromkeys(self.parameters, self.modifier.trainable))
        if moment.ends:
            self._set(self.before)

    def _set(self, trainable: dict[str, bool]) -> None:
        for name, value in trainable.items():
            parameter = self.parameters[name]
            parameter.requires_grad = value
            if not value:
                parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        return {
            "before": dict(self.before),
            "trainable": {name: parameter.requires_grad for name, parameter in self.parameters.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.before = dict(state["before"])
        if self.before:
            self._set(state["trainable"])


def chosen_groups(
    training: Training,
    modifier: LearningRateFunctionModifier | SetLearningRateModifier | SetWeightDecayModifier,
) -> Iterator[dict[str, Any]]:
    """The optimizer's parameter groups that `modifier` means; none named are all. Raises `UserError` for a group
    the optimizer does not have."""
    groups: Sequence[dict[str, Any]] = training.optimizer.param_groups
    for index in modifier.param_groups or range(len(groups)):
        if index >= len(groups):
            raise UserError(
                f"{modifier.name}: the optimizer has no parameter group {index}",
                f"param_groups may name 0 to {len(groups) - 1}",
            )
        yield groups[index]
