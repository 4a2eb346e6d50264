"""SparseGPT: a matrix is pruned column by column, and the columns that follow make up for what is lost."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.errors import UserError
from engine.recipes.modifiers.sparsity import MaskType, ratio
from engine.sparsify.one_shot.choice import group_width, lowest_of_all


@dataclass(frozen=True)
class SparseGPT:
    """Prunes a matrix W so that W X changes little for the inputs X it was calibrated on (Frantar & Alistarh 2023,
    algorithm 1), by the Hessian H = 2 X Xᵀ + λ I of the squared error of every row's output.

    With the upper Cholesky factor U of H⁻¹, column after column: a weight w of column j costs (w / U_jj)², and when it
    goes, - w / U_jj · U_j: is added to the rest of its row. Masks are chosen for `block_size` columns at once (N:M:
    for every group), when all columns before them are done. λ is `dampening` times the mean of the diagonal.
    """

    sparsity: float
    mask_type: MaskType = "unstructured"
    block_size: int = 128
    dampening: float = 0.01

    def prune(self, weight: torch.Tensor, products: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The new weights [rows, columns] and their mask, by the products Σ x xᵀ [columns, columns] of the inputs; a
        factor before these changes nothing.

        Raises `UserError` where the Hessian cannot be inverted.
        """
        left, dead = weight.detach().float().clone(), products.diagonal() == 0
        left[:, dead] = 0.0
        factor = self._factor(products, dead)
        mask = torch.ones_like(left, dtype=torch.bool)
        for begin in range(0, left.shape[1], self._block):
            end = min(begin + self._block, left.shape[1])
            errors = self._prune_block(left, mask, factor, begin, end)
            left[:, end:] -= errors @ factor[begin:end, end:]
        return left * mask, mask

    @property
    def _block(self) -> int:
        """Whole groups of columns."""
        width = group_width(self.mask_type)
        return -(-self.block_size // width) * width

    def _factor(self, products: torch.Tensor, dead: torch.Tensor) -> torch.Tensor:
        """U of the damped Hessian, in which inputs that are always zero have one of their own."""
        hessian = products.float().clone()
        diagonal = hessian.diagonal()
        diagonal += dead
        diagonal += self.dampening * diagonal.mean()
        lower, failed = torch.linalg.cholesky_ex(hessian)
        upper, failed_too = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
        if failed or failed_too or not torch.isfinite(upper).all():
            raise UserError("the inputs of a layer depend too much on each other", "raise dampening in the recipe")
        return upper

    def _prune_block(
        self, left: torch.Tensor, mask: torch.Tensor, factor: torch.Tensor, begin: int, end: int
    ) -> torch.Tensor:
        """Prune the columns from `begin` to `end` of `left`, mark them in `mask`; returns the errors [rows, columns] by
        which the columns that follow are to move."""
        weights, upper = left[:, begin:end], factor[begin:end, begin:end]
        errors, diagonal = torch.zeros_like(weights), upper.diagonal()
        width = group_width(self.mask_type) if ratio(self.mask_type) else end - begin
        for at in range(end - begin):
            if at % width == 0:
                group = slice(at, min(at + width, end - begin))
                scores = (weights[:, group] / diagonal[group]).square()
                mask[:, begin:end][:, group] = self._mask(scores, begin + at)
            error = weights[:, at] * ~mask[:, begin + at] / diagonal[at]
            weights[:, at:] -= error.unsqueeze(1) * upper[at, at:]
            errors[:, at] = error
        return errors

    def _mask(self, scores: torch.Tensor, begin: int) -> torch.Tensor:
        """The mask of the columns of `scores`, which begin at `begin`: as many go as bring the sum over all columns so
        far to the sparsity."""
        rows, width = scores.shape
        counts = [self._pruned(rows, columns) for columns in (begin, begin + width)]
        return lowest_of_all(scores, self.mask_type, counts[1] - counts[0], self.sparsity)

    def _pruned(self, rows: int, columns: int) -> int:
        """How many weights, or runs of four, go of the first `columns` columns."""
        return round(rows * -(-columns // group_width(self.mask_type)) * self.sparsity)
