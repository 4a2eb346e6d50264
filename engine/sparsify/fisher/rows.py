"""The inverse Fisher matrix of a vector of weights in large blocks, without building any: from the gradients alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

_COLUMNS = 8192
"""Weights that are worked on together, in double precision."""


def bytes_per_weight(count: int) -> int:
    """Memory of `FisherRows` for one weight."""
    return 4 * count


class FisherRows:
    """The last `count` gradients of a vector of `size` weights, as they are, for blocks of `block` (0: one block)."""

    def __init__(self, size: int, block: int, count: int, device: torch.device) -> None:
        self.block = block
        self.gradients = torch.zeros(count, size, device=device)
        self.seen = 0

    def add(self, gradient: torch.Tensor) -> None:
        """Take in one gradient, a flat tensor of `size` numbers, in place of the oldest."""
        self.gradients[self.seen % len(self.gradients)].copy_(gradient)
        self.seen += 1

    @property
    def rows(self) -> torch.Tensor:
        """The gradients taken in so far."""
        return self.gradients[: self.seen]

    def merge(self, first: int, count: int, add_up: Callable[[torch.Tensor], None]) -> None:
        """Hold all `count` gradients, of which this process took in those from `first` on; `add_up` sums a tensor over
        the processes, in place."""
        own = self.rows.clone()
        self.gradients.zero_()
        self.gradients[first : first + len(own)] = own
        add_up(self.gradients)
        self.seen = count

    def inverse(self, damp: float, kept: torch.Tensor | None = None) -> InverseRows | None:
        """The inverse of damp · 1 + Σ g gᵀ / count; None where a gradient was no number. `kept`: flat mask, False for
        weights whose gradients count as zero."""
        gradients = self.rows if kept is None else self.rows * kept
        return InverseRows(gradients, self.block, damp) if gradients.sum(dim=1).isfinite().all() else None


class InverseRows:
    """F = (damp · 1 + Gᵀ G / m)⁻¹ for the m rows of `gradients` [m, size], block by block.

    By Woodbury's identity F x = (x - Gᵀ S⁻¹ G x) / damp with the m x m matrix S = m · damp · 1 + G Gᵀ of each block
    (Frantar et al. 2021, M-FAC). `block`: consecutive weights of a block, 0 for all in one.
    """

    def __init__(self, gradients: torch.Tensor, block: int, damp: float) -> None:
        self.gradients = gradients
        self.damp = damp
        self.block = block or gradients.shape[1]

    def moved(self, move: Callable[[torch.Tensor], torch.Tensor]) -> InverseRows:
        """The same matrix, with its numbers where `move` puts them."""
        return InverseRows(move(self.gradients), self.block, self.damp)

    def diagonal(self) -> torch.Tensor:
        """The diagonal of F: flat, `size` numbers."""
        found = torch.empty_like(self.gradients[0])
        for begin, end in self._ranges(0, len(found), self.block):
            factor = self._factor(begin, end)
            for part in self._parts(begin, end):
                reduced = torch.linalg.solve_triangular(factor, self.gradients[:, part].double(), upper=False)
                found[part] = ((1.0 - reduced.square().sum(dim=0)) / self.damp).to(found.dtype)
        return found

    def times(self, vector: torch.Tensor) -> torch.Tensor:
        """F times a flat `vector` of `size` numbers."""
        values = vector.to(self.gradients.device, torch.float64)
        for begin, end in self._ranges(0, len(values), self.block):
            if values[begin:end].any():
                self._multiply(values, begin, end)
        return (values / self.damp).to(vector)

    def _multiply(self, values: torch.Tensor, begin: int, end: int) -> None:
        """Make x - Gᵀ S⁻¹ G x of a block x of `values`."""
        parts = list(self._parts(begin, end))
        products = [self.gradients[:, part].double() @ values[part] for part in parts]
        seen = torch.stack(products).sum(dim=0).unsqueeze(1)
        solved = torch.cholesky_solve(seen, self._factor(begin, end)).squeeze(1)
        for part in parts:
            values[part] -= self.gradients[:, part].double().mT @ solved

    def _factor(self, begin: int, end: int) -> torch.Tensor:
        """The lower Cholesky factor of a block's S."""
        count = len(self.gradients)
        matrix = torch.eye(count, dtype=torch.float64, device=self.gradients.device) * (count * self.damp)
        for part in self._parts(begin, end):
            gradients = self.gradients[:, part].double()
            matrix += gradients @ gradients.mT
        return torch.linalg.cholesky(matrix)

    def _parts(self, begin: int, end: int) -> Iterator[slice]:
        return (slice(first, last) for first, last in self._ranges(begin, end, _COLUMNS))

    @staticmethod
    def _ranges(begin: int, end: int, size: int) -> Iterator[tuple[int, int]]:
        return ((first, min(first + size, end)) for first in range(begin, end, size))
