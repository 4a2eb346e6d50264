"""N:M masks: of every M consecutive weights the N largest are kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from engine.sparsify.masks.unstructured import fits_numpy

TOLERANCE = 0.01
PIECE = 1 << 16
LARGEST = 64
"""The largest group whose members are compared with each other instead of sorted."""


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
    moved = (scores.permute(0, 2, 3, 1) if scores.dim() == 4 else scores).detach()
    if fits_numpy(moved) and group <= LARGEST:
        mask = torch.from_numpy(_by_comparing(moved.reshape(-1).float().numpy(), kept, group)).reshape(moved.shape)
    else:
        mask = _by_sorting(moved, kept, group)
    return mask.permute(0, 3, 1, 2) if scores.dim() == 4 else mask


def _by_sorting(scores: torch.Tensor, kept: int, group: int) -> torch.Tensor:
    groups = scores.reshape(-1, group).abs()
    order = groups.argsort(dim=1, stable=True)
    mask = torch.ones_like(groups, dtype=torch.bool).scatter_(1, order[:, : group - kept], False)
    return mask.reshape(scores.shape)


def _by_comparing(scores: npt.NDArray[np.float32], kept: int, group: int) -> npt.NDArray[np.bool_]:
    """The place of each score in the order of its group, by comparing with those 1, 2, … M-1 further right."""
    size = PIECE - PIECE % group
    member = (np.arange(size) % group).astype(np.uint8)
    partners = [(member < group - distance).view(np.uint8) for distance in range(group)]
    after_all = np.subtract(group - 1, member)
    mask = np.empty(scores.size, dtype=np.bool_)
    higher, buffer = np.empty(size, np.bool_), np.empty(size, np.uint8)
    for start in range(0, scores.size, size):
        value = scores[start : start + size]
        value = value if value.min() >= 0 else np.abs(value)
        place = buffer[: value.size]
        place[:] = after_all[: value.size]
        for distance in range(1, group):
            last = value.size - distance
            # 1 where the right one is at least as high: then it stands behind, else the left one does.
            behind = np.less_equal(value[:last], value[distance:], out=higher[:last]).view(np.uint8)
            behind &= partners[distance][:last]
            place[distance:] += behind
            place[:last] -= behind
        np.greater_equal(place, group - kept, out=mask[start : start + size])
    return mask
