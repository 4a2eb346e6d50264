"""Which weights share a Fisher matrix: vectors of weights out of one parameter or many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch


@dataclass(frozen=True)
class Part:
    """Weights of one parameter, by its place in a list: a range of the flat parameter, or indices into it."""

    parameter: int
    where: slice | torch.Tensor
    size: int


@dataclass(frozen=True)
class Segment:
    """A vector of weights whose Fisher matrix is taken, out of one parameter or several."""

    parts: tuple[Part, ...]

    @cached_property
    def size(self) -> int:
        """How many weights it has."""
        return sum(part.size for part in self.parts)

    @property
    def parameters(self) -> list[int]:
        """The places of the parameters it takes weights from."""
        return [part.parameter for part in self.parts]

    def gather(self, tensors: Sequence[torch.Tensor] | Mapping[int, torch.Tensor]) -> torch.Tensor:
        """Its weights out of `tensors`, which have the shapes of the parameters, as one flat tensor."""
        pieces = [tensors[part.parameter].reshape(-1)[part.where] for part in self.parts]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def scatter(self, values: torch.Tensor, tensors: Sequence[torch.Tensor]) -> None:
        """Put a flat tensor of its weights back where `gather` takes them from; `tensors` are contiguous."""
        sizes = [part.size for part in self.parts]
        for part, piece in zip(self.parts, values.split(sizes), strict=True):
            tensors[part.parameter].view(-1)[part.where] = piece


def whole_parameters(sizes: Sequence[int], block: int, limit: int) -> list[Segment]:
    """All weights of parameters of `sizes`; one of more than `limit` weights is cut between blocks."""
    longest = max(limit // block, 1) * block
    return [
        Segment((Part(place, slice(begin, min(begin + longest, size)), min(longest, size - begin)),))
        for place, size in enumerate(sizes)
        for begin in range(0, size, longest)
    ]


def kept_weights(masks: Sequence[torch.Tensor], block: int, limit: int) -> list[Segment]:
    """The weights that `masks` keep as one vector over all parameters, cut between blocks after `limit` weights."""
    indices = [mask.reshape(-1).nonzero().reshape(-1) for mask in masks]
    total = sum(len(index) for index in indices)
    longest = max(limit // block, 1) * block
    return [_window(indices, begin, min(begin + longest, total)) for begin in range(0, total, longest)]


def _window(indices: Sequence[torch.Tensor], begin: int, end: int) -> Segment:
    """Places `begin` … `end` of the concatenated `indices`."""
    parts: list[Part] = []
    before = 0
    for place, index in enumerate(indices):
        chosen = index[max(begin - before, 0) : max(end - before, 0)]
        if len(chosen):
            parts.append(Part(place, chosen, len(chosen)))
        before += len(index)
    return Segment(tuple(parts))
