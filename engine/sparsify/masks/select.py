"""The k-th smallest score and the fixed shuffle that decides between equal smallest scores."""

from __future__ import annotations

import random

import numpy as np
import torch

SHUFFLE_SEED = 42


def kth_smallest(scores: torch.Tensor, k: int) -> float:
    """Value at place `k` (0 first) of the ascending order of a flat float tensor; no full sort.

    On the CPU numpy's introselect is several times faster than `torch.kthvalue` and gives the same value.
    """
    if scores.device.type != "cpu" or scores.dtype is not torch.float32:
        return float(torch.kthvalue(scores, k + 1).values.item())
    return float(np.partition(scores.detach().numpy(), k)[k])


def shuffled_prefix(count: int, length: int) -> list[int]:
    """The first `length` of 0 … count-1 after `random.Random(42).shuffle`, in no particular order.

    The shuffle walks from the end, so places below `length` only exchange among themselves once the walk has come
    that far: as a set they are known then, and the rest of the walk is left out.
    """
    if length >= count:
        return list(range(count))
    order = list(range(count))
    draw = random.Random(SHUFFLE_SEED).getrandbits
    for last in range(count - 1, max(length, 1) - 1, -1):
        bits = (last + 1).bit_length()
        other = draw(bits)
        while other > last:
            other = draw(bits)
        order[last], order[other] = order[other], order[last]
    return order[:length]
