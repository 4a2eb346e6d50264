"""Wanda and magnitude: weights go by a score, and those that stay are left as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.recipes.modifiers.sparsity import MaskType
from engine.sparsify.masks import create_masks
from engine.sparsify.one_shot.choice import lowest_of_rows

Pruned = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Wanda:
    """Prunes by |W_ij| · ‖X_j‖₂, where every row, that is every output, loses its own lowest (Sun et al. 2023)."""

    sparsity: float
    mask_type: MaskType = "unstructured"

    def prune(self, weight: torch.Tensor, squares: torch.Tensor) -> Pruned:
        """The new weights [rows, columns] and their mask, by the sums Σ x_j² [columns] of the inputs."""
        left = weight.detach()
        mask = lowest_of_rows(left.float().abs() * squares.sqrt(), self.mask_type, self.sparsity)
        return left * mask, mask


@dataclass(frozen=True)
class Magnitude:
    """Prunes the smallest weights of a matrix."""

    sparsity: float
    mask_type: MaskType = "unstructured"

    def prune(self, weight: torch.Tensor) -> Pruned:
        """The new weights and their mask."""
        left = weight.detach()
        (mask,) = create_masks(self.mask_type, [left.abs()], self.sparsity)
        return left * mask, mask
