"""Block masks: groups of weights that are kept or pruned together, scored by their mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from engine.sparsify.masks.unstructured import fits_numpy

RUN = 4
PIECE = 1 << 16
WORDS = {8: torch.int64, 4: torch.int32, 2: torch.int16, 1: torch.uint8}
Expand = Callable[[torch.Tensor], torch.Tensor]


def group_runs_of_four(scores: torch.Tensor) -> tuple[torch.Tensor, Expand]:
    """Means of runs of four along the input dimension (dim 1 moved last), and how to expand a mask of the groups.

    A last dimension that is no multiple of four is filled up with the mean of the incomplete run.
    """
    moved = scores.movedim(1, -1) if scores.dim() > 2 else scores
    width = moved.shape[-1]
    rest = width % RUN
    if rest:
        fill = moved[..., -rest:].mean(dim=-1, keepdim=True)
        moved = torch.cat([moved, fill.expand(*moved.shape[:-1], RUN - rest)], dim=-1)
    padded = moved.shape

    def expand(mask: torch.Tensor) -> torch.Tensor:
        wide = _repeat(mask, RUN).reshape(padded)[..., :width]
        return wide.movedim(-1, 1) if scores.dim() > 2 else wide

    return _means(moved.detach().reshape(-1, RUN)), expand


def group_blocks(scores: torch.Tensor, block: Sequence[int]) -> tuple[torch.Tensor, Expand]:
    """Means of blocks `[a, b]`, and how to expand a mask of the groups.

    With b = 1 a block is `a` rows of one column; otherwise it is a run of a·b consecutive elements in row-major
    order (not a tile). -1 stands for the whole dimension. Raises ValueError where the shape does not divide.
    """
    rows, columns = _block_shape(scores, block)
    if columns > 1:
        shape = (scores.shape[0] * scores.shape[1] // (rows * columns), rows * columns, -1)
    else:
        shape = (scores.shape[0] // rows, rows, -1)
    grouped = scores.reshape(shape)

    def expand(mask: torch.Tensor) -> torch.Tensor:
        if grouped.shape[2] == 1:
            return _repeat(mask, grouped.shape[1]).reshape(scores.shape)
        return mask.unsqueeze(1).expand(grouped.shape).reshape(scores.shape)

    return (_means(grouped[..., 0]).unsqueeze(1) if grouped.shape[1:] == (RUN, 1) else grouped.mean(dim=1)), expand


def _means(runs: torch.Tensor) -> torch.Tensor:
    """Mean of each row of `[n, 4]`, bit for bit `runs.mean(dim=1)`, whose order of addition is from left to right."""
    if not (fits_numpy(runs) and runs.dtype is torch.float32):
        return runs.mean(dim=1)
    columns = runs.numpy()
    means = np.empty(len(columns), dtype=np.float32)
    for start in range(0, len(columns), PIECE):
        first, second, third, fourth = columns[start : start + PIECE].T
        piece = np.add(first, second, out=means[start : start + PIECE])
        piece += third
        piece += fourth
        piece /= np.float32(RUN)
    return torch.from_numpy(means)


def _repeat(mask: torch.Tensor, times: int) -> torch.Tensor:
    """Each member of a mask `times` times in a row: the bytes of wide integers, the largest that divide `times`."""
    width = next(width for width in WORDS if times % width == 0)
    words = mask.reshape(-1).to(WORDS[width]).mul_(int.from_bytes(b"\1" * width, "little"))
    return words.unsqueeze(1).expand(-1, times // width).reshape(-1).view(torch.bool)


def _block_shape(scores: torch.Tensor, block: Sequence[int]) -> tuple[int, int]:
    if len(block) != 2:
        raise ValueError(f"a block has two numbers, not {list(block)}")
    if scores.dim() < 2:
        raise ValueError(f"blocks {list(block)} need a matrix, not the shape {list(scores.shape)}")
    sizes = [extent if size == -1 else size for size, extent in zip(block, scores.shape, strict=False)]
    for size, extent in zip(sizes, scores.shape, strict=False):
        if size < 1 or extent % size:
            raise ValueError(f"the shape {list(scores.shape)} does not divide into blocks {list(block)}")
    return sizes[0], sizes[1]
