"""Movement pruning."""

from __future__ import annotations

from typing import Any

import torch

from engine.errors import UserError
from engine.recipes.modifiers import MovementPruningModifier
from engine.sparsify.behaviours.base import Moment, Training, behaviour_of
from engine.sparsify.behaviours.pruning import GradualPruning

RATE = 0.01


@behaviour_of(MovementPruningModifier)
class MovementPruning(GradualPruning[MovementPruningModifier]):
    """Prunes what moves towards zero (Sanh et al. 2020).

    A weight's score is the sum of -0.01 · gradient · weight over every step of the run so far, also those before the
    start; gradients are those the optimizer is about to use.
    """

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.movement = [torch.zeros_like(weight, dtype=torch.float32) for weight in self.masking.parameters]
        self.has_seen_gradients = False
        self._noted: int | None = None

    def scores(self) -> list[torch.Tensor]:
        if not self.has_seen_gradients:
            raise UserError(
                f"{self.modifier.name}: no step has moved the weights, so nothing tells which to prune",
                "train with the recipe; in one shot use MagnitudePruningModifier",
            )
        return self.movement

    def update(self, moment: Moment) -> None:
        self._note(moment)
        super().update(moment)

    def before_step(self, moment: Moment) -> None:
        self._note(moment)

    @torch.no_grad()
    def _note(self, moment: Moment) -> None:
        """Add the movement of this step, once."""
        if self._noted == moment.step or (self.schedule.ended and not moment.ends):
            return
        self._noted = moment.step
        for score, weight in zip(self.movement, self.masking.parameters, strict=True):
            if weight.grad is not None:
                score.add_(self._change(weight, weight.grad))
                self.has_seen_gradients = True

    def _change(self, weight: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """What a step adds to a score: nothing where it holds numbers that are none (an overflow)."""
        change = -RATE * gradient.float() * weight.float()
        broken = gradient.isnan().any() if self.sparseml_compatible else ~change.isfinite().all()
        return change.masked_fill_(broken, 0.0)

    def state_dict(self) -> dict[str, Any]:
        # Copies: scores change in place, and a state may be kept to go back to.
        scores = [] if self.schedule.ended else [score.to("cpu", copy=True) for score in self.movement]
        return {**super().state_dict(), "movement": scores, "has_seen_gradients": self.has_seen_gradients}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.has_seen_gradients, self._noted = bool(state["has_seen_gradients"]), None
        for score, saved in zip(self.movement, state["movement"], strict=False):
            score.copy_(saved)
