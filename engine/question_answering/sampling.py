"""The order in which windows are trained on: those of like length together, so that little is padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

_GROUP = 50
"""Batches that are sorted together: few enough to keep the order random, enough for like lengths to meet."""


class LengthGroups(Sampler[int]):
    """Indices of windows of `lengths` tokens, a new order in every epoch: batches of `batch_size` of like length, in
    random order, the longest first so that memory that does not suffice is known at once.

    The order follows from `seed` and epoch alone, so a run that goes on in the middle of one finds the same.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next iteration is for."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        batches = self._batches(torch.randperm(len(self.lengths), generator=generator).tolist())
        # A batch that is not full stays last: elsewhere it would shift all that follow.
        whole = [batch for batch in batches if len(batch) == self.batch_size]
        order: list[int] = torch.randperm(len(whole), generator=generator).tolist()
        # Every batch begins with its longest window.
        longest = max(self.lengths)
        order.sort(key=lambda place: self.lengths[whole[place][0]] < longest)
        for batch in (*(whole[place] for place in order), *batches[len(whole) :]):
            yield from batch

    def _batches(self, indices: Sequence[int]) -> list[list[int]]:
        """`indices` as batches of like length; only the last may be smaller than the others."""
        group, size = _GROUP * self.batch_size, self.batch_size
        grouped: list[int] = []
        for begin in range(0, len(indices), group):
            grouped += sorted(indices[begin : begin + group], key=self.lengths.__getitem__, reverse=True)
        return [grouped[begin : begin + size] for begin in range(0, len(grouped), size)]
