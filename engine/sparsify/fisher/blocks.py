"""The empirical Fisher matrix of a vector of weights as dense blocks along its diagonal, and its inverse."""

from __future__ import annotations

from collections.abc import Callable

import torch

WAITING = 16
"""Gradients that are collected before their products are added: one pass over the blocks for all of them."""
_WORK_BYTES = 1 << 26
"""Memory for the blocks that are inverted together, in double precision."""
RUN = 4


def bytes_per_weight(block: int) -> int:
    """Memory of `FisherSums` for one weight."""
    return 4 * (block + WAITING)


def numbers(size: int, block: int) -> int:
    """How many numbers `InverseBlocks` of `size` weights hold."""
    block = min(block, size)
    return -(-size // block) * block**2


class FisherSums:
    """Sums of gradient products g gᵀ for each block of `block` consecutive weights of a vector of `size`.

    The last block is filled up with weights whose gradient is zero. Sums are kept in float32.
    """

    def __init__(self, size: int, block: int, device: torch.device) -> None:
        self.size = size
        self.block = min(block, size)
        blocks = -(-size // self.block)
        self.count = 0
        self.sums = torch.zeros(blocks, self.block, self.block, device=device)
        self._waiting = torch.zeros(blocks, WAITING, self.block, device=device)

    def add(self, gradient: torch.Tensor) -> None:
        """Take in one gradient, a flat tensor of `size` numbers."""
        slot = self._waiting[:, self.count % WAITING]
        whole = self.size // self.block
        slot[:whole].copy_(gradient[: whole * self.block].view(whole, self.block))
        if whole < len(slot):
            slot[whole, : self.size % self.block].copy_(gradient[whole * self.block :])
        self.count += 1
        if self.count % WAITING == 0:
            self._add_waiting(WAITING)

    def _add_waiting(self, count: int) -> None:
        gradients = self._waiting[:, :count]
        self.sums.baddbmm_(gradients.mT, gradients)

    def merge(self, first: int, count: int, add_up: Callable[[torch.Tensor], None]) -> None:
        """Become the sums over all `count` gradients, of which this process took in some; `add_up` sums a tensor over
        the processes, in place."""
        self._add_waiting(self.count % WAITING)
        self._waiting.zero_()
        add_up(self.sums)
        self.count = count

    def inverse(self, damp: float, kept: torch.Tensor | None = None) -> InverseBlocks | None:
        """The inverse of damp · 1 + Σ g gᵀ / count, block by block, in the memory of the sums; None where a gradient
        was no number. `kept`: flat mask, False for weights whose gradients count as zero."""
        self._add_waiting(self.count % WAITING)
        del self._waiting
        if not self.sums.diagonal(dim1=1, dim2=2).isfinite().all():
            return None
        keep = None if kept is None else _in_blocks(kept.to(self.sums.dtype), self.block)
        step = max(_WORK_BYTES // (8 * self.block**2), 1)
        for begin in range(0, len(self.sums), step):
            part = slice(begin, begin + step)
            matrices = self.sums[part].double() / self.count
            if keep is not None:
                matrices *= keep[part, :, None] * keep[part, None, :]
            self.sums[part] = _inverted(matrices, damp).to(self.sums.dtype)
        return InverseBlocks(self.sums, self.size)


class InverseBlocks:
    """The inverse Fisher matrix F of a vector of `size` weights: `matrices` [blocks, block, block]."""

    def __init__(self, matrices: torch.Tensor, size: int) -> None:
        self.matrices = matrices
        self.size = size
        self.block = matrices.shape[-1]

    def moved(self, move: Callable[[torch.Tensor], torch.Tensor]) -> InverseBlocks:
        """The same matrix, with its numbers where `move` puts them."""
        return InverseBlocks(move(self.matrices), self.size)

    def diagonal(self) -> torch.Tensor:
        """The diagonal of F: flat, `size` numbers."""
        return self.matrices.diagonal(dim1=1, dim2=2).reshape(-1)[: self.size]

    def times(self, vector: torch.Tensor) -> torch.Tensor:
        """F times a flat `vector` of `size` numbers."""
        blocks = _in_blocks(vector, self.block)
        return torch.bmm(self.matrices, blocks.unsqueeze(2)).reshape(-1)[: self.size]

    def solved_runs(self, vector: torch.Tensor) -> torch.Tensor:
        """For each run of four, F_run⁻¹ times that part of `vector`, where F_run is the run's part of F."""
        blocks = _in_blocks(vector, self.block)
        solved = torch.empty_like(blocks)
        step = max(_WORK_BYTES // (8 * RUN * self.block), 1)
        for begin in range(0, len(blocks), step):
            part = slice(begin, begin + step)
            runs = _runs(self.matrices[part]).double()
            solved[part] = torch.linalg.solve(runs, blocks[part].reshape(-1, RUN).double()).reshape(-1, self.block)
        return solved.reshape(-1)[: self.size]


def _in_blocks(vector: torch.Tensor, block: int) -> torch.Tensor:
    """A flat vector as [blocks, block], filled up with zeros."""
    missing = -vector.numel() % block
    return torch.nn.functional.pad(vector, (0, missing)).view(-1, block)


def _runs(matrices: torch.Tensor) -> torch.Tensor:
    """The parts [runs, 4, 4] on the diagonals of `matrices` that belong to runs of four."""
    blocks, block, _ = matrices.shape
    split = matrices.reshape(blocks, block // RUN, RUN, block // RUN, RUN)
    return split.diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2).reshape(-1, RUN, RUN)


def _inverted(matrices: torch.Tensor, damp: float) -> torch.Tensor:
    """Inverses of symmetric, positive semidefinite `matrices` with `damp` added to their diagonals."""
    matrices.diagonal(dim1=1, dim2=2).add_(damp)
    if matrices.shape[-1] == 1:
        return matrices.reciprocal()
    factors, failed = torch.linalg.cholesky_ex(matrices)
    identity = torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    lower = torch.linalg.solve_triangular(factors, identity.expand_as(factors), upper=False)
    inverses = lower.mT @ lower
    broken = failed.nonzero().reshape(-1)
    if len(broken):
        inverses[broken] = _inverted_above_rounding(matrices[broken], damp)
    return inverses


def _inverted_above_rounding(matrices: torch.Tensor, damp: float) -> torch.Tensor:
    """Inverses of sums that were rounded in float32 by more than the damp: eigenvalues that may be nothing but
    rounding count as the damp."""
    values, vectors = torch.linalg.eigh(matrices)
    rounding = values[:, -1:] * (torch.finfo(torch.float32).eps * matrices.shape[-1])
    known = torch.where(values > rounding, values, damp)
    return (vectors / known.unsqueeze(1)) @ vectors.mT
