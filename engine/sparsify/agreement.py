"""What keeps the processes of a run equal: ranges that follow all of their data, and a check of their masks."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from engine.sparsify.manager import SparsificationManager
from engine.sparsify.masking import Masking
from engine.sparsify.quantization.fake_quantizer import FakeQuantizer, fake_quantizers
from engine.sparsify.ranks import Ranks


class RanksDifferError(RuntimeError):
    """The processes of a run do not hold the same masks."""


class MaskDigest:
    """A number for the masks that `maskings` hold, computed anew only for those that changed."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[list[torch.Tensor], int]] = {}

    def __call__(self, maskings: Iterable[Masking]) -> int:
        """32 bits: equal masks have equal numbers."""
        digest = 0
        for place, masking in enumerate(maskings):
            masks = masking.masks if masking.active else []
            kept, number = self._known.get(place, ([], 0))
            # Masks are replaced, never changed in place.
            if kept is not masks and not (not kept and not masks):
                number = _checksum(masks)
                self._known[place] = masks, number
            digest = zlib.crc32(number.to_bytes(4, "little"), digest)
        return digest


def _checksum(masks: Iterable[torch.Tensor]) -> int:
    number = 0
    for mask in masks:
        number = zlib.crc32(np.packbits(mask.detach().cpu().numpy().reshape(-1)).tobytes(), number)
    return number


def check_equal(digests: list[int]) -> None:
    """Raise `RanksDifferError` unless all ranks have rank 0's digest."""
    odd = [str(rank) for rank, digest in enumerate(digests) if digest != digests[0]]
    if odd:
        raise RanksDifferError(f"the masks of rank {', '.join(odd)} are not those of rank 0")


def check_zeros(manager: SparsificationManager, ranks: Ranks) -> None:
    """Raise `RanksDifferError` unless the zeros of the pruned weights are in the same places in all ranks."""
    if ranks.count > 1:
        weights = [weight for one in manager.behaviours for held, _ in one.maskings() for weight in held.parameters]
        number = _checksum(weight.detach() != 0 for weight in weights)
        check_equal([numbers[0] for numbers in ranks.gathered([number])])


@torch.no_grad()
def share_ranges(model: nn.Module, ranks: Ranks) -> None:
    """Give every quantizer that observes the range that all ranks' tensors make.

    A moving average becomes the mean of the ranks' averages, which is what the averages of the mean would be; a range
    that only widens becomes the widest.
    """
    if ranks.count == 1:
        return
    observing = [quantizer for _, quantizer in fake_quantizers(model) if quantizer.observing and quantizer.calibrated]
    for widening in (False, True):
        chosen = [one for one in observing if (one.arguments.averaging_constant is None) is widening]
        if chosen:
            _share(chosen, ranks, widening)


def _share(quantizers: list[FakeQuantizer], ranks: Ranks, widening: bool) -> None:
    low = torch.cat([quantizer.min_val.reshape(-1) for quantizer in quantizers])
    high = torch.cat([quantizer.max_val.reshape(-1) for quantizer in quantizers])
    limits = torch.stack([low, -high])
    if widening:
        ranks.least(limits)
    else:
        ranks.sum(limits)
        limits /= ranks.count
    sizes = [quantizer.min_val.numel() for quantizer in quantizers]
    for quantizer, least, most in zip(quantizers, limits[0].split(sizes), limits[1].split(sizes), strict=True):
        quantizer.take_range(least.view_as(quantizer.min_val), -most.view_as(quantizer.max_val))
