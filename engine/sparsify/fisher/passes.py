"""Inverse Fisher matrices that do not fit in memory at once: a part of them in each pass over the gradient samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch

from engine.sparsify.fisher.scratch import Scratch
from engine.sparsify.fisher.segments import Segment


class InverseFisher(Protocol):
    """The inverse Fisher matrix F of a vector of weights."""

    def diagonal(self) -> torch.Tensor:
        """The diagonal of F, flat."""
        ...

    def times(self, vector: torch.Tensor) -> torch.Tensor:
        """F times a flat vector."""
        ...

    def moved(self, move: Callable[[torch.Tensor], torch.Tensor]) -> InverseFisher:
        """The same matrix, with its numbers where `move` puts them."""
        ...


class Collector(Protocol):
    """Takes gradients in and gives their inverse Fisher matrix."""

    def add(self, gradient: torch.Tensor) -> None:
        """Take in one gradient, flat."""
        ...

    def merge(self, first: int, count: int, add_up: Callable[[torch.Tensor], None]) -> None:
        """Take in what the other processes took in of all `count` gradients; this one's own begin at `first`."""
        ...

    def inverse(self, damp: float, kept: torch.Tensor | None = None) -> InverseFisher | None:
        """F for a damp; None where a gradient was no number. `kept`: False for weights that are pruned already."""
        ...


Known = list[tuple[Segment, InverseFisher]]
Find = Callable[[Sequence[Segment], str], Known]
"""The matrices of some segments, sampled now; the text tells which pass it is."""


class FisherPasses:
    """The inverse Fisher matrices of `segments`, at most `limit` weights at a time.

    The first walk over all of them needs as many passes as there are parts. For the next the last part is in memory
    and comes first, the others lie in `scratch` (a folder), if its disk has room for the `numbers` that segments of
    their sizes have; else they are sampled again, and the weights must not change in between.
    """

    def __init__(
        self,
        segments: Iterable[Segment],
        limit: int,
        find: Find,
        *,
        scratch: Path | None = None,
        numbers: Callable[[int], int] = lambda size: 0,
        device: torch.device | None = None,
    ) -> None:
        self.parts = list(_parts(segments, limit))
        self._find = find
        self._known: Known = []
        self._at: int | None = None
        self._passes = 0
        self._scratch = Scratch(scratch, sum(numbers(segment.size) for part in self.parts[:-1] for segment in part))
        self._stored: dict[int, Known] = {}
        self._device = device

    def each(self) -> Iterator[tuple[Segment, InverseFisher]]:
        """Every segment with its matrix; take what you need from one before you take the next."""
        remembered = [] if self._at is None else [self._at]
        for at in [*remembered, *(at for at in range(len(self.parts)) if at != self._at)]:
            if at in self._stored:
                yield from ((segment, fisher.moved(self._back)) for segment, fisher in self._stored[at])
            else:
                yield from self._part(at)

    def _part(self, at: int) -> Known:
        if at != self._at:
            self._known = []  # before the next: there is memory for one
            self._known = self._find(self.parts[at], self._which())
            self._at = at
            if self._scratch.available and at < len(self.parts) - 1:
                self._stored[at] = [(segment, fisher.moved(self._scratch.store)) for segment, fisher in self._known]
        return self._known

    def _back(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(self._device)

    def _which(self) -> str:
        self._passes += 1
        total = len(self.parts) if self._scratch.available else 2 * len(self.parts) - 1
        return f", pass {self._passes} of {total}" if total > 1 else ""


def _parts(segments: Iterable[Segment], limit: int) -> Iterator[list[Segment]]:
    """The segments in their order, so many together as have at most `limit` weights."""
    chosen: list[Segment] = []
    for segment in segments:
        if chosen and sum(member.size for member in chosen) + segment.size > limit:
            yield chosen
            chosen = []
        chosen.append(segment)
    if chosen:
        yield chosen
