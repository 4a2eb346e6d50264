"""The k-th smallest score and the fixed shuffle that decides between equal smallest scores."""

from __future__ import annotations

import random

import numpy as np
import torch

SHUFFLE_SEED = 42


SAMPLE = 8192
WIDE = 4.0
"""Half the width of the bracket around a quantile, in standard deviations of its estimate from a sample."""


def above(scores: torch.Tensor, value: float) -> torch.Tensor:
    """Which scores are above `value`; on the CPU numpy compares several times faster than torch."""
    return torch.from_numpy(scores.numpy() > np.float32(value)) if _is_plain(scores) else scores > value


def count_true(mask: torch.Tensor) -> int:
    """How many members of a boolean tensor are true."""
    return int(np.count_nonzero(mask.numpy())) if mask.device.type == "cpu" else int(torch.count_nonzero(mask))


def kth_smallest(scores: torch.Tensor, k: int) -> float:
    """Value at place `k` (0 first) of the ascending order of a flat, detached float tensor; no full sort.

    On the CPU a sample tells where the value must lie and only what lies there is ordered; gives the same value as
    `torch.kthvalue`, also where the sample misleads.
    """
    if not _is_plain(scores):
        return float(torch.kthvalue(scores, k + 1).values.item())
    values = scores.numpy()
    low, high = _bracket(values, k)
    over = values > low
    below = values.size - int(np.count_nonzero(over))
    over &= values <= high
    inside = values[over]
    if below <= k < below + inside.size:
        values, k = inside, k - below
    return float(np.partition(values, k)[k])


def _bracket(values: np.ndarray, k: int) -> tuple[float, float]:
    """Bounds between which the value at place `k` lies almost surely: above the first, not above the second."""
    sample = np.sort(values[:: values.size // SAMPLE | 1])
    share = k / values.size
    reach = WIDE * (share * (1 - share) / sample.size) ** 0.5 + 2 / sample.size
    first, last = int((share - reach) * sample.size), int((share + reach) * sample.size) + 1
    return (
        -np.inf if first < 0 else sample[first],
        np.inf if last >= sample.size else sample[last],
    )


def _is_plain(scores: torch.Tensor) -> bool:
    return scores.device.type == "cpu" and scores.dtype is torch.float32


def spared_by_shuffle(count: int, pruned: int) -> list[int]:
    """The members of 0 … count-1 that stand behind the first `pruned` after ``random.Random(42).shuffle``.

    The shuffle walks from the end, so those places are settled first and the rest of the walk is left out; only what
    was moved is stored.
    """
    draw = random.Random(SHUFFLE_SEED).getrandbits
    moved: dict[int, int] = {}
    spared: list[int] = []
    for last in range(count - 1, max(pruned, 1) - 1, -1):
        bits = (last + 1).bit_length()
        chosen = draw(bits)
        while chosen > last:
            chosen = draw(bits)
        spared.append(moved.get(chosen, chosen))
        moved[chosen] = moved.pop(last, last)
    return spared if pruned else [*spared, moved.get(0, 0)]
