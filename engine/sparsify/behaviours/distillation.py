"""Learning from a teacher's logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.recipes.modifiers import DistillationModifier
from engine.sparsify.behaviours.base import Moment, behaviour_of
from engine.sparsify.behaviours.teacher import TaughtBehaviour
from engine.sparsify.context import LossParts
from engine.sparsify.distillation_loss import distillation_loss


@behaviour_of(DistillationModifier)
class Distillation(TaughtBehaviour[DistillationModifier]):
    """Mixes the task loss with the divergence from a teacher: (1 - hardness) · task + hardness · divergence."""

    def compares_only(self, logits: Sequence[str]) -> bool:
        """Whether the loss looks at no other outputs of the teacher than `logits`, for the inputs of the student."""
        return self.modifier.teacher_input_keys is None and set(self.modifier.distill_output_keys or ()) <= set(logits)

    def loss(self, moment: Moment, parts: LossParts, outputs: Any, inputs: Mapping[str, Any]) -> LossParts:
        if not self.teaches(moment.epoch):
            return parts
        taught = self.ask_teacher(inputs)
        distilled = distillation_loss(outputs, taught, self.modifier.distill_output_keys, self.modifier.temperature)
        hardness = self.modifier.hardness
        return LossParts((1.0 - hardness) * parts.total + hardness * distilled, parts.task, distilled)
