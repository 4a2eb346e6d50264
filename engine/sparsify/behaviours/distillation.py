"""Learning from a teacher's logits."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from engine.errors import UserError
from engine.recipes.modifiers import DistillationModifier
from engine.sparsify.behaviours.base import Behaviour, Moment, Training, behaviour_of
from engine.sparsify.context import LossParts
from engine.sparsify.distillation_loss import distillation_loss
from engine.sparsify.quantization.fake_quantizer import fake_quantizers


@behaviour_of(DistillationModifier)
class Distillation(Behaviour[DistillationModifier]):
    """Mixes the task loss with the divergence from a teacher: (1 - hardness) · task + hardness · divergence."""

    phase = "distil"

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.snapshot: nn.Module | None = None
        self.disabled = training.context.teacher == "disable"
        if training.context.teacher is None:
            raise UserError(
                f"the recipe has a {self.modifier.name} but there is no teacher",
                "give --distill_teacher a model, `self` for a copy of the student, or `disable`",
            )

    def loss(self, moment: Moment, parts: LossParts, outputs: Any, inputs: Mapping[str, Any]) -> LossParts:
        if self.disabled or not self._acts(moment.epoch):
            return parts
        taught = self._teacher_outputs(inputs)
        distilled = distillation_loss(outputs, taught, self.modifier.distill_output_keys, self.modifier.temperature)
        hardness = self.modifier.hardness
        return LossParts((1.0 - hardness) * parts.total + hardness * distilled, parts.task, distilled)

    def _acts(self, epoch: float) -> bool:
        """From the step that starts it: the loss is made before that step's update."""
        return self.schedule.active or self.schedule.start_pending(epoch)

    def _teacher_outputs(self, inputs: Mapping[str, Any]) -> Any:
        teacher = self._teacher()
        known = inspect.signature(teacher.forward).parameters
        wanted = self.modifier.teacher_input_keys or known
        given = {name: value for name, value in inputs.items() if name in wanted and name in known}
        with torch.no_grad():
            return teacher(**given)

    def _teacher(self) -> nn.Module:
        teacher = self.training.context.teacher
        if isinstance(teacher, nn.Module):
            return teacher.eval()
        if self.snapshot is None:
            self.snapshot = copied(self.training.model)
        return self.snapshot

    def state_dict(self) -> dict[str, Any]:
        return {"snapshot": None if self.snapshot is None else self.snapshot.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        weights = state["snapshot"]
        if weights is None:
            return
        self.snapshot = copied(self.training.model)
        absent = self.snapshot.load_state_dict(weights, strict=False).missing_keys
        # The copy may have been taken before the student was quantized: what it did not have then stays out of the way.
        for name, quantizer in fake_quantizers(self.snapshot):
            if any(key.startswith(f"{name}.") for key in absent):
                quantizer.rounding = False


def copied(model: nn.Module) -> nn.Module:
    """A frozen copy of `model` in evaluation mode."""
    return copy.deepcopy(model).eval().requires_grad_(False)
