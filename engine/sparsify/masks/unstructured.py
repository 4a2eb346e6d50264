"""Unstructured masks: single weights by their score."""

from __future__ import annotations

import math

import torch

from engine.sparsify.masks.select import above, count_true, kth_smallest, spared_by_shuffle


def prune_lowest(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Boolean mask (True: kept) that prunes the lowest `round(n * sparsity)` of `scores`.

    `scores` may have any shape and hold -inf. Rounding is half to even. Targets outside (0, 1] keep everything.
    Equal scores at the threshold: in row-major order the first are kept. Where the threshold is the minimum itself
    (weights that are zero already), a fixed shuffle picks which of the minima are pruned and everything else is kept.
    Scores with a NaN among them have no order: everything is kept.
    """
    count = scores.numel()
    pruned = round(count * sparsity) if 0 < sparsity <= 1 else 0
    if pruned == 0:
        return torch.ones_like(scores, dtype=torch.bool)
    flat = scores.detach().reshape(-1)
    smallest = flat.min().item()
    if math.isnan(smallest):
        return torch.ones_like(scores, dtype=torch.bool)
    above_lowest = above(flat, smallest)
    lowest = count - count_true(above_lowest)
    if lowest >= pruned:
        mask = _prune_among_equals(above_lowest, lowest, pruned)
    else:
        mask = _prune_below(flat, kth_smallest(flat, pruned - 1), pruned)
    return mask.reshape(scores.shape)


def prune_lowest_globally(scores: list[torch.Tensor], sparsity: float) -> list[torch.Tensor]:
    """One threshold over all `scores`, in their order; masks in the shapes of the scores."""
    joined = prune_lowest(torch.cat([score.detach().reshape(-1) for score in scores]), sparsity)
    parts = joined.split([score.numel() for score in scores])
    return [part.reshape(score.shape) for part, score in zip(parts, scores, strict=True)]


def _prune_below(flat: torch.Tensor, threshold: float, pruned: int) -> torch.Tensor:
    mask = above(flat, threshold)
    surplus = flat.numel() - count_true(mask) - pruned
    if surplus > 0:
        ties = (flat == threshold).nonzero().reshape(-1)
        mask[ties[:surplus]] = True
    return mask


def _prune_among_equals(above_lowest: torch.Tensor, lowest: int, pruned: int) -> torch.Tensor:
    """`above_lowest` becomes the mask: everything above stays, and of the `lowest` equals those the shuffle spares."""
    spared = spared_by_shuffle(lowest, pruned)
    if spared:
        places = (~above_lowest).nonzero().reshape(-1)
        above_lowest[places[torch.tensor(spared, device=places.device)]] = True
    return above_lowest
