"""From gradient samples to the inverse Fisher matrices of some segments."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from engine.sparsify.fisher.passes import Collector, InverseFisher, Known
from engine.sparsify.fisher.sampling import GradientSampler, NotFiniteError
from engine.sparsify.fisher.segments import Segment
from engine.sparsify.ranks import ranks


@dataclass(frozen=True)
class Estimate:
    """Fisher matrices of segments of `parameters`, made of the gradients of `count` samples from `first` on.

    `kept`: masks of the parameters, None where nothing is pruned. `collector` makes what collects the gradients of a
    segment of a size.
    """

    sampler: GradientSampler
    parameters: Sequence[nn.Parameter]
    kept: Sequence[torch.Tensor] | None
    first: int
    count: int
    damp: float
    collector: Callable[[int], Collector]

    def find(self, segments: Sequence[Segment], text: str) -> Known:
        """Sample the gradients and give each segment its inverse matrix; `text` tells which pass it is.

        Raises `NotFiniteError` for a gradient that is no number.
        """
        collectors = [self.collector(segment.size) for segment in segments]
        self._sample(segments, collectors, text)
        return [(segment, self._inverse(segment, collectors.pop(0))) for segment in segments]

    def _sample(self, segments: Sequence[Segment], collectors: Sequence[Collector], text: str) -> None:
        places = sorted({place for segment in segments for place in segment.parameters})
        wanted = [self.parameters[place] for place in places]
        first, share = self._share()
        with contextlib.closing(self.sampler.gradients(wanted, self.first + first, share, text)) as samples:
            for index, sample in enumerate(samples, first):
                if index >= self.count:
                    continue  # one more than wanted, so that all ranks take as many and none waits in vain
                gradients = dict(zip(places, sample, strict=True))
                for segment, collector in zip(segments, collectors, strict=True):
                    collector.add(segment.gather(gradients))
        if ranks().count > 1:
            for collector in collectors:
                collector.merge(min(first, self.count), self.count, ranks().sum)

    def _share(self) -> tuple[int, int]:
        """Which of the samples this process takes: from which on, and how many. Together the ranks take all."""
        share = -(-self.count // ranks().count)
        return share * ranks().rank, share

    def _inverse(self, segment: Segment, collector: Collector) -> InverseFisher:
        kept = None if self.kept is None else segment.gather(self.kept)
        fisher = collector.inverse(self.damp, kept)
        if fisher is None:
            raise NotFiniteError("a sampled gradient is not a number")
        return fisher
