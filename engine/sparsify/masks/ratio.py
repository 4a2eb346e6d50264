"""N:M masks: of every M consecutive weights the N largest are kept."""

from __future__ import annotations

import torch

TOLERANCE = 0.01


def keep_n_of_m(scores: torch.Tensor, kept: int, group: int, sparsity: float) -> torch.Tensor:
    """Boolean mask that keeps the `kept` largest magnitudes of every `group` consecutive elements.

    Two-dimensional scores are taken row-major, four-dimensional ones with dim 1 moved last. A target of 0 keeps all;
    equal scores are pruned from the left. Raises ValueError for shapes and targets that do not fit.
    """
    if sparsity == 0:
        return torch.ones_like(scores, dtype=torch.bool)
    if abs(sparsity - (1 - kept / group)) > TOLERANCE:
        raise ValueError(f"a mask {kept}:{group} prunes {1 - kept / group:g} of the weights, not {sparsity:g}")
    if scores.dim() not in (2, 4):
        raise ValueError(f"a mask {kept}:{group} needs two or four dimensions, not the shape {list(scores.shape)}")
    if scores.numel() % group:
        raise ValueError(f"the shape {list(scores.shape)} does not divide into groups of {group}")
    moved = scores.permute(0, 2, 3, 1) if scores.dim() == 4 else scores
    groups = moved.detach().reshape(-1, group).abs()
    order = groups.argsort(dim=1, stable=True)
    mask = torch.ones_like(groups, dtype=torch.bool).scatter_(1, order[:, : group - kept], False).reshape(moved.shape)
    return mask.permute(0, 3, 1, 2) if scores.dim() == 4 else mask
