"""The Optimal BERT Surgeon: second-order pruning with small blocks."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from engine.errors import UserError
from engine.recipes.interpolation import interpolate
from engine.recipes.modifiers import OBSPruningModifier
from engine.sparsify.behaviours.base import Training, behaviour_of
from engine.sparsify.behaviours.second_order import SecondOrderPruning
from engine.sparsify.fisher import FisherPasses, FisherSums, whole_parameters
from engine.sparsify.fisher.blocks import RUN, bytes_per_weight, numbers
from engine.sparsify.fisher.memory import fisher_memory

EPSILON = torch.finfo(torch.float32).eps


@behaviour_of(OBSPruningModifier)
class OBSPruning(SecondOrderPruning[OBSPruningModifier]):
    """Prunes the weights, or runs of four, whose loss costs least by the inverse Fisher matrix F of its block, and
    moves the rest of the block (Kurtic et al. 2022, oBERT).

    Score of a weight w: w² / (2 F_ii); of a run w with the part F_rr of F: ½ wᵀ F_rr⁻¹ w. The change of the others:
    - F_:i w / F_ii and - F_:r F_rr⁻¹ w.
    """

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.in_runs = self.modifier.mask_type == "block4"
        for name, weight in zip(self.masking.names, self.masking.parameters, strict=True):
            self._check(name, weight)

    def _check(self, name: str, weight: nn.Parameter) -> None:
        if self.in_runs and weight.numel() % RUN:
            raise UserError(
                f"{self.modifier.name}: mask_type block4 cannot prune {name} with the shape {list(weight.shape)}",
                "use unstructured, or leave it out of `params`",
            )

    def gradient_count(self) -> int:
        return self.modifier.num_grads

    def rounds(self, targets: list[float]) -> list[list[float]]:
        count = self.modifier.num_recomputations
        before = [0.0 if applied is None else applied for applied in self.applied]
        return [
            [
                interpolate(number, 0, count, last, target, "linear")
                for last, target in zip(before, targets, strict=True)
            ]
            for number in range(1, count + 1)
        ]

    def inverse_fishers(self) -> FisherPasses:
        weights, block = self.masking.parameters, self.modifier.fisher_block_size
        device = weights[0].device
        limit = max(fisher_memory(device) // bytes_per_weight(block), block)
        segments = whole_parameters([weight.numel() for weight in weights], block, limit)
        return FisherPasses(
            segments,
            limit,
            self.estimate(partial(FisherSums, block=block, device=device)).find,
            scratch=self.training.context.scratch,
            numbers=partial(numbers, block=block),
            device=device,
        )

    def score(self, weights: torch.Tensor, fisher: Any) -> torch.Tensor:
        if not self.in_runs:
            return weights.square() / (2.0 * fisher.diagonal() + EPSILON)
        costs = 0.5 * (weights * fisher.solved_runs(weights)).view(-1, RUN).sum(dim=1)
        return costs.repeat_interleave(RUN)

    def fill_pruned(self, scores: list[torch.Tensor]) -> None:
        for score, kept in zip(scores, self.kept(), strict=True):
            score.masked_fill_(~kept, float("-inf"))

    def change(self, weights: torch.Tensor, pruned: torch.Tensor, fisher: Any) -> torch.Tensor:
        cost = fisher.solved_runs(weights) if self.in_runs else weights / (fisher.diagonal() + EPSILON)
        return -fisher.times(cost * pruned)
