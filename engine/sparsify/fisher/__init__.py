"""Second-order information: inverse Fisher matrices in blocks, from gradients sampled beside the training."""

from __future__ import annotations

from engine.sparsify.fisher.blocks import FisherSums, InverseBlocks
from engine.sparsify.fisher.estimate import Estimate
from engine.sparsify.fisher.passes import Collector, FisherPasses, InverseFisher
from engine.sparsify.fisher.rows import FisherRows, InverseRows
from engine.sparsify.fisher.sampling import GradientSampler, NotFiniteError
from engine.sparsify.fisher.segments import Segment, kept_weights, whole_parameters

__all__ = [
    "Collector",
    "Estimate",
    "FisherPasses",
    "FisherRows",
    "FisherSums",
    "GradientSampler",
    "InverseBlocks",
    "InverseFisher",
    "InverseRows",
    "NotFiniteError",
    "Segment",
    "kept_weights",
    "whole_parameters",
]
