"""Alternating dense and sparse phases."""

from __future__ import annotations

import torch

from engine.recipes.interpolation import alternating_sparsity_at
from engine.recipes.modifiers import ACDCPruningModifier
from engine.sparsify.behaviours.base import Moment, behaviour_of
from engine.sparsify.behaviours.pruning import ScoredPruning

SGD_MOMENTUM = "momentum_buffer"
ADAM_MOMENTUM = "exp_avg"


@behaviour_of(ACDCPruningModifier)
class AlternatingPruning(ScoredPruning[ACDCPruningModifier]):
    """Prunes the smallest weights in sparse phases and lets all grow in dense ones (Peste et al. 2021, AC/DC).

    The step that begins a dense phase after a sparse one leaves the optimizer without momentum, if
    `momentum_buffer_reset` says so: what pruned weights had gathered is out of date.
    """

    enters_dense = False

    def scores(self) -> list[torch.Tensor]:
        return [parameter.detach().abs() for parameter in self.masking.parameters]

    def targets(self, epoch: float) -> list[float]:
        target = alternating_sparsity_at(self.modifier, epoch, sparseml_compatible=self.sparseml_compatible)
        return [target] * len(self.masking.names)

    def update(self, moment: Moment) -> None:
        was_sparse = any(self.applied)
        super().update(moment)
        self.enters_dense = was_sparse and not any(self.applied)

    def after_step(self) -> None:
        super().after_step()
        if self.enters_dense and self.modifier.momentum_buffer_reset:
            self._forget_momentum()
        self.enters_dense = False

    @torch.no_grad()
    def _forget_momentum(self) -> None:
        """Of all parameters, as the method has it; SparseML forgets SGD's momentum only."""
        names = (SGD_MOMENTUM,) if self.sparseml_compatible else (SGD_MOMENTUM, ADAM_MOMENTUM)
        for state in self.training.optimizer.state.values():
            for name in names:
                if isinstance(state.get(name), torch.Tensor):
                    state[name].zero_()
