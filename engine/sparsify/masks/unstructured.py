"""Unstructured masks: single weights by their score."""

from __future__ import annotations

import torch

from engine.sparsify.masks.select import kth_smallest, shuffled_prefix


def prune_lowest(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Boolean mask (True: kept) that prunes the lowest `round(n * sparsity)` of `scores`.

    `scores` may have any shape and hold -inf. Rounding is half to even. Targets outside (0, 1] keep everything.
    Equal scores at the threshold: in row-major order the first are kept. Where the threshold is the minimum itself
    (weights that are zero already), a fixed shuffle picks which of the minima are pruned and everything else is kept.
    """
    count = scores.numel()
    if count < 1 or sparsity <= 0 or sparsity > 1:
        return torch.ones_like(scores, dtype=torch.bool)
    flat = scores.detach().reshape(-1)
    pruned = round(count * sparsity)
    lowest = flat.min()
    is_lowest = flat == lowest
    lowest_count = int(is_lowest.sum())
    if lowest_count >= max(pruned, 1):
        mask = _prune_among_equals(is_lowest, lowest_count, pruned)
    else:
        mask = _prune_below(flat, kth_smallest(flat, pruned - 1), pruned)
    return mask.reshape(scores.shape)


def prune_lowest_globally(scores: list[torch.Tensor], sparsity: float) -> list[torch.Tensor]:
    """One threshold over all `scores`, in their order; masks in the shapes of the scores."""
    joined = prune_lowest(torch.cat([score.detach().reshape(-1) for score in scores]), sparsity)
    parts = joined.split([score.numel() for score in scores])
    return [part.reshape(score.shape) for part, score in zip(parts, scores, strict=True)]


def _prune_below(flat: torch.Tensor, threshold: float, pruned: int) -> torch.Tensor:
    mask = flat > threshold
    surplus = flat.numel() - int(mask.sum()) - pruned
    if surplus > 0:
        ties = (flat == threshold).nonzero().reshape(-1)
        mask[ties[:surplus]] = True
    return mask


def _prune_among_equals(is_lowest: torch.Tensor, lowest_count: int, pruned: int) -> torch.Tensor:
    if pruned == lowest_count:
        return ~is_lowest
    places = is_lowest.nonzero().reshape(-1)
    chosen = torch.tensor(shuffled_prefix(lowest_count, pruned), dtype=torch.long, device=places.device)
    mask = torch.ones_like(is_lowest)
    mask[places[chosen]] = False
    return mask
