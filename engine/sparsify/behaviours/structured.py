"""Pruning of whole filters and channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engine.errors import UserError, plain
from engine.recipes.modifiers import StructuredPruningModifier
from engine.sparsify.behaviours.base import Training, behaviour_of
from engine.sparsify.behaviours.pruning import GradualPruning


@behaviour_of(StructuredPruningModifier)
class StructuredPruning(GradualPruning[StructuredPruningModifier]):
    """Prunes the filters (rows, dimension 0) or channels (columns, dimension 1) with the smallest L2 norm.

    The parameters of one of `param_groups` lose the same places: their norms are added.
    """

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        for group in self.groups:
            self._check(group)
            low = min(self.inits[place] for place in group)
            for place in group:
                self.inits[place] = low

    def scores(self) -> list[torch.Tensor]:
        return [parameter.detach().abs() for parameter in self.masking.parameters]

    @property
    def groups(self) -> Sequence[Sequence[int]]:
        places = {name: place for place, name in enumerate(self.masking.names)}
        groups = [[self._place(name, places) for name in group] for group in self.modifier.param_groups]
        return [group for group in groups if group]

    def _place(self, name: str, places: dict[str, int]) -> int:
        if name not in places:
            raise UserError(
                f"{self.modifier.name}: {plain(name)} in param_groups is none of the pruned parameters",
                "name parameters in full, and select them by `params` too",
            )
        return places[name]

    def _check(self, group: Sequence[int]) -> None:
        sparsities = {self.finals[place] for place in group}
        if len(sparsities) > 1:
            raise UserError(
                f"{self.modifier.name}: the group of {plain(self.masking.names[group[0]])} has more than one "
                f"final_sparsity ({', '.join(f'{value:g}' for value in sorted(sparsities))})",
                "give all parameters of a group the same",
            )
