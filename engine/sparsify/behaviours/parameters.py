"""Values put into parameters: once, or moving from one to another."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from engine.errors import UserError, plain
from engine.recipes.interpolation import moved_share_at
from engine.recipes.modifiers import GradualParamModifier, SetParamModifier
from engine.recipes.modifiers.values import shape_of
from engine.sparsify.behaviours.base import AnyModifier, Behaviour, Moment, Training, behaviour_of
from engine.sparsify.context import Teacher
from engine.sparsify.parameters import NamedParameters, select_parameters


class ParameterSetting(Behaviour[AnyModifier]):
    """Puts values into the parameters that are meant."""

    fields: ClassVar[tuple[str, ...]] = ()
    """The fields of the modifier that hold values."""

    def check(self, model: nn.Module, teacher: Teacher) -> None:
        self.check_shapes(self.selected(model))

    def check_shapes(self, parameters: NamedParameters) -> None:
        """Raise `UserError` where a value does not have the shape of one of `parameters`."""
        for field in self.fields:
            shape = shape_of(getattr(self.modifier, field))
            for name, parameter in parameters:
                if shape and shape != tuple(parameter.shape):
                    raise UserError(
                        f"{field} of {self.modifier.name} has the shape {list(shape)}, "
                        f"{plain(name)} has {list(parameter.shape)}",
                        "give a number, or nested lists of the parameter's shape",
                    )

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.parameters = self.selected(training.model)
        self.check_shapes(self.parameters)

    def selected(self, model: nn.Module) -> NamedParameters:
        """The parameters that are set."""
        return select_parameters(
            model,
            self.modifier.params,  # type: ignore[attr-defined]
            modifier=self.modifier.name,
            strict=self.modifier.params_strict,  # type: ignore[attr-defined]
        )

    def value(self, field: str) -> torch.Tensor:
        """The value in a field of the modifier; a single number stands for all members."""
        return torch.tensor(getattr(self.modifier, field), dtype=torch.float32)

    @torch.no_grad()
    def put(self, value: torch.Tensor) -> None:
        """Copy `value` into every parameter."""
        for _, parameter in self.parameters:
            parameter.copy_(value)


@behaviour_of(SetParamModifier)
class SetParam(ParameterSetting[SetParamModifier]):
    """Copies a constant into parameters at the start; training moves them from there."""

    fields = ("val",)

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.constant = self.value("val")

    def update(self, moment: Moment) -> None:
        if moment.starts:
            self.put(self.constant)


@behaviour_of(GradualParamModifier)
class GradualParam(ParameterSetting[GradualParamModifier]):
    """Sets parameters to a value between `init_val` and `final_val` at every update."""

    fields = ("init_val", "final_val")

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.first, self.last = self.value("init_val"), self.value("final_val")

    def update(self, moment: Moment) -> None:
        self.put(self.value_at(moment.epoch))

    def value_at(self, epoch: float) -> torch.Tensor:
        """The value of an update at `epoch`."""
        share = moved_share_at(self.modifier, epoch, sparseml_compatible=self.sparseml_compatible)
        return self.last if share == 1.0 else share * (self.last - self.first) + self.first

    def finalize(self, moment: Moment) -> None:
        """An end at the run's length is never reached by a step."""
        if self.schedule.active and moment.epoch >= self.modifier.end_epoch and not self.sparseml_compatible:
            self.put(self.last)
