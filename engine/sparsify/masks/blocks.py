"""Block masks: groups of weights that are kept or pruned together, scored by their mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

RUN = 4
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
        wide = mask.reshape(-1, 1).expand(-1, RUN).reshape(padded)[..., :width]
        return wide.movedim(-1, 1) if scores.dim() > 2 else wide

    return moved.reshape(-1, RUN).mean(dim=1), expand


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
        return mask.unsqueeze(1).expand(grouped.shape).reshape(scores.shape)

    return grouped.mean(dim=1), expand


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
