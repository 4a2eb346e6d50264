"""Pruning the lowest of many scores on the CPU, with numpy, whose comparisons are several times faster than torch's.

A sample tells between which two scores the threshold must lie, and only what lies there is ordered; everything else is
a few comparisons over pieces that stay in the cache. The result is exact, also where the sample misleads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.sparsify.masks.shuffle import spared_by_shuffle

Floats = npt.NDArray[np.float32]
Booleans = npt.NDArray[np.bool_]

PIECE = 1 << 18
SAMPLE = 16384
WIDTHS = (3.0, 24.0, math.inf)
"""Half the width of the bracket around a quantile, in standard deviations of its estimate from a sample: tried in turn,
until the threshold lies between."""


class Piece(NamedTuple):
    """Some scores and the part of a mask that belongs to them."""

    scores: Floats
    mask: Booleans


class Bracket(NamedTuple):
    """The scores above `low` and not above `high`, of which the threshold is one; masks keep what is above `high`."""

    places: list[npt.NDArray[np.int64]]
    """Of each piece, where in it they stand."""
    values: Floats
    below: int
    """How many scores are not above `low`."""
    minimum: float

    def holds(self, rank: int) -> bool:
        """Whether the score at place `rank` (from 1) of the ascending order is in it."""
        return self.below < rank <= self.below + self.values.size


def mask_lowest(scores: Sequence[Floats], pruned: int) -> list[Booleans]:
    """Masks (True: kept), one for each flat array of `scores`, that prune the lowest `pruned` (1 or more) of all.

    Equal scores at the threshold: the first are kept, or a fixed shuffle decides if nothing is lower. With a NaN
    anywhere everything is kept.
    """
    masks = [np.empty(values.size, dtype=np.bool_) for values in scores]
    pieces = [
        Piece(values[start : start + PIECE], mask[start : start + PIECE])
        for values, mask in zip(scores, masks, strict=True)
        for start in range(0, values.size, PIECE)
    ]
    if not _prune(pieces, _sample(scores), pruned):
        for mask in masks:
            mask.fill(True)
    return masks


def _prune(pieces: list[Piece], sample: Floats, pruned: int) -> bool:
    """Write the masks; false if there is no order."""
    share = pruned / sum(piece.scores.size for piece in pieces)
    for width in WIDTHS:
        low, high = _bounds(sample, share, width)
        if low is None:
            low, equals = _keep_above_minimum(pieces, float(sample[0]))
            if sum(equals) >= pruned:
                return not math.isnan(low) and _spare_by_shuffle(pieces, equals, pruned)
        bracket = _between(pieces, low, high)
        if math.isnan(bracket.minimum) or bracket.holds(pruned):
            return not math.isnan(bracket.minimum) and _keep_highest(pieces, bracket, pruned)
    raise AssertionError("the last bracket holds everything above the minimum")


def _sample(scores: Sequence[Floats]) -> Floats:
    """About `SAMPLE` scores at regular distances, in ascending order."""
    step = sum(values.size for values in scores) // SAMPLE | 1
    return np.sort(np.concatenate([values[::step] for values in scores]))


def _bounds(sample: Floats, share: float, width: float) -> tuple[float | None, float]:
    """Two scores, the quantile `share` almost surely above the first and not above the second.

    No first one if the quantile may be the minimum.
    """
    reach = width * (share * (1 - share) / sample.size) ** 0.5 + 2 / sample.size
    first, last = (share - reach) * sample.size, (share + reach) * sample.size + 1
    lower = np.searchsorted(sample, sample[int(first)]) if first >= 0 else 0
    return float(sample[lower - 1]) if lower else None, float(sample[int(last)]) if last < sample.size else math.inf


def _keep_above_minimum(pieces: list[Piece], guess: float) -> tuple[float, list[int]]:
    """Keep all but the lowest, of which `guess` is one perhaps; returns what they are and how many in each piece."""
    minimum = np.float32(guess)
    equals: list[int] = []
    for scores, mask in pieces:
        np.greater(scores, np.float32(guess), out=mask)
        equals.append(scores.size - int(np.count_nonzero(mask)))
        minimum = np.minimum(minimum, scores.min())
    guessed = minimum == guess or np.isnan(minimum)
    return (float(minimum), equals) if guessed else _keep_above_minimum(pieces, float(minimum))


def _between(pieces: list[Piece], low: float, high: float) -> Bracket:
    below, minimum = 0, np.float32(math.inf)
    places: list[npt.NDArray[np.int64]] = []
    values: list[Floats] = []
    buffer = np.empty(PIECE, dtype=np.bool_)
    for scores, mask in pieces:
        np.greater(scores, np.float32(high), out=mask)
        above = np.greater(scores, np.float32(low), out=buffer[: scores.size])
        below += scores.size - int(np.count_nonzero(above))
        minimum = np.minimum(minimum, scores.min())
        above ^= mask
        places.append(np.flatnonzero(above))
        values.append(scores.take(places[-1]))
    return Bracket(places, np.concatenate(values), below, float(minimum))


def _keep_highest(pieces: list[Piece], bracket: Bracket, pruned: int) -> bool:
    """Keep of the bracket what is above the threshold, and as many of its equals as `pruned` leaves."""
    values = bracket.values
    rank = pruned - bracket.below
    threshold = np.partition(values, rank - 1)[rank - 1]
    kept = values > threshold
    surplus = values.size - int(np.count_nonzero(kept)) - rank
    kept[np.flatnonzero(values == threshold)[:surplus]] = True
    start = 0
    for (_, mask), places in zip(pieces, bracket.places, strict=True):
        mask[places] = kept[start : start + places.size]
        start += places.size
    return True


def _spare_by_shuffle(pieces: list[Piece], equals: list[int], pruned: int) -> bool:
    """Keep those of the lowest that the shuffle spares."""
    spared = spared_by_shuffle(sum(equals), pruned)
    begins = np.cumsum([0, *equals[:-1]], dtype=np.int32)
    parts = np.split(spared, np.searchsorted(spared, begins[1:]))
    for (_, mask), count, begin, part in zip(pieces, equals, begins, parts, strict=True):
        if part.size:
            ranks = part - begin
            mask[ranks if count == mask.size else np.flatnonzero(~mask).take(ranks)] = True
    return True
