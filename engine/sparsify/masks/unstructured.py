"""Unstructured masks: single weights by their score."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engine.sparsify.masks.lowest import mask_lowest
from engine.sparsify.masks.shuffle import spared_by_shuffle

NARROW = (torch.float32, torch.bfloat16, torch.float16)
"""What float32 holds exactly."""


def prune_lowest(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Boolean mask (True: kept) that prunes the lowest `round(n * sparsity)` of `scores`.

    `scores` may have any shape and hold -inf. Rounding is half to even. Targets outside (0, 1] keep everything.
    Equal scores at the threshold: in row-major order the first are kept. Where the threshold is the minimum itself
    (weights that are zero already), a fixed shuffle picks which of the minima are pruned and everything else is kept.
    Scores with a NaN among them have no order: everything is kept.
    """
    return prune_lowest_globally([scores], sparsity)[0]


def prune_lowest_globally(scores: Sequence[torch.Tensor], sparsity: float) -> list[torch.Tensor]:
    """One threshold over all `scores`, in their order; masks in the shapes of the scores."""
    count = sum(score.numel() for score in scores)
    pruned = round(count * sparsity) if 0 < sparsity <= 1 else 0
    if pruned == 0:
        return [torch.ones_like(score, dtype=torch.bool) for score in scores]
    flat = [score.detach().reshape(-1) for score in scores]
    if all(fits_numpy(score) for score in flat):
        masks = [torch.from_numpy(mask) for mask in mask_lowest([score.float().numpy() for score in flat], pruned)]
    else:
        masks = _mask_lowest_anywhere(torch.cat(flat), pruned).split([score.numel() for score in flat])
    return [mask.reshape(score.shape) for mask, score in zip(masks, scores, strict=True)]


def fits_numpy(scores: torch.Tensor) -> bool:
    """Whether numpy can work on the scores as they are, or widened to float32."""
    return scores.device.type == "cpu" and scores.dtype in NARROW


def _mask_lowest_anywhere(flat: torch.Tensor, pruned: int) -> torch.Tensor:
    """The same masks on any device and of any type; waits once for the device."""
    threshold, minimum = flat.kthvalue(pruned).values, flat.min()
    mask = flat > threshold
    facts = torch.stack([flat.numel() - mask.sum() - pruned, threshold == minimum, minimum.isnan()])
    surplus, nothing_lower, no_order = facts.tolist()
    if no_order:
        return torch.ones_like(mask)
    if nothing_lower and surplus:
        spared = torch.zeros(pruned + surplus, dtype=torch.bool)
        spared[torch.tensor(spared_by_shuffle(pruned + surplus, pruned))] = True
        return mask.masked_scatter_(~mask, spared.to(flat.device))
    if surplus:
        equals = flat == threshold
        mask |= equals & (equals.cumsum(0) <= surplus)
    return mask
