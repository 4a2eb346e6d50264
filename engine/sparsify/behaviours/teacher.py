"""Learning from a teacher: which one it is, when it teaches, and what it says."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from engine.errors import UserError
from engine.recipes.modifiers import DistillationModifier, PerLayerDistillationModifier
from engine.sparsify.behaviours.base import Behaviour, Training
from engine.sparsify.behaviours.layers import drop_only, dropped_layers
from engine.sparsify.quantization.fake_quantizer import fake_quantizers

Teaching = TypeVar("Teaching", bound=DistillationModifier | PerLayerDistillationModifier)


class TaughtBehaviour(Behaviour[Teaching]):
    """A behaviour that changes the loss by what a teacher says.

    The teacher is a model, or a copy of the student as it was when teaching began.
    """

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

    def teaches(self, epoch: float) -> bool:
        """From the step that starts it: the loss is made before that step's update."""
        return not self.disabled and (self.schedule.active or self.schedule.start_pending(epoch))

    def teacher(self) -> nn.Module:
        """The teacher, in evaluation mode."""
        teacher = self.training.context.teacher
        if isinstance(teacher, nn.Module):
            return teacher.eval()
        if self.snapshot is None:
            self.snapshot = copied(self.training.model)
        return self.snapshot

    def ask_teacher(self, inputs: Mapping[str, Any]) -> Any:
        """The teacher's outputs, without gradients; it gets those inputs that it knows."""
        teacher = self.teacher()
        # A teacher that is more than a model may say what it takes.
        known = getattr(teacher, "input_names", None) or inspect.signature(teacher.forward).parameters
        wanted = self.modifier.teacher_input_keys or known
        given = {name: value for name, value in inputs.items() if name in wanted and name in known}
        with torch.no_grad():
            return teacher(**given)

    def state_dict(self) -> dict[str, Any]:
        if self.snapshot is None:
            return {"snapshot": None}
        return {"snapshot": self.snapshot.state_dict(), "dropped": dropped_layers(self.snapshot)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        weights = state["snapshot"]
        if weights is None:
            self.snapshot = None
            return
        self.snapshot = copied(self.training.model)
        drop_only(self.snapshot, state["dropped"])
        absent = self.snapshot.load_state_dict(weights, strict=False).missing_keys
        # The student may have been quantized after the copy was taken: what it did not have then stays out of the way.
        for name, quantizer in fake_quantizers(self.snapshot):
            if any(key.startswith(f"{name}.") for key in absent):
                quantizer.rounding = False


def copied(model: nn.Module) -> nn.Module:
    """A frozen copy of `model` in evaluation mode."""
    return copy.deepcopy(model).eval().requires_grad_(False)
