"""How one tensor is quantized."""

from __future__ import annotations

from dataclasses import dataclass

import torch

AVERAGING_CONSTANT = 0.01
SMALLEST_SCALE = float(torch.finfo(torch.float32).eps)


@dataclass(frozen=True)
class QuantizationArguments:
    """The integers a tensor is rounded to, and how their scale follows the tensors.

    `limits` are the smallest and the largest integer where they are given; else `bits` says them. `reduce_range` gives
    up one bit. `per_channel`: a scale for each row of a weight. `averaging_constant`: the share of a new tensor's range
    in the range; None: the range only ever widens.
    """

    signed: bool
    symmetric: bool
    bits: int = 8
    reduce_range: bool = False
    per_channel: bool = False
    averaging_constant: float | None = AVERAGING_CONSTANT
    smallest_scale: float = SMALLEST_SCALE
    limits: tuple[int, int] | None = None

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest integer."""
        low, high = self.limits or self._range_of_bits()
        return (low // 2, high // 2) if self.reduce_range else (low, high)

    def _range_of_bits(self) -> tuple[int, int]:
        return (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) if self.signed else (0, 2**self.bits - 1)

    @property
    def middle(self) -> int:
        """The zero point of a symmetric range: torch rounds the middle of 0 … 255 up, that of other ranges down."""
        if self.signed:
            return 0
        low, high = self.range
        return 128 if high == 255 and self.limits is None else (low + high) // 2


ASYMMETRIC_UNSIGNED = QuantizationArguments(signed=False, symmetric=False)
SYMMETRIC_UNSIGNED = QuantizationArguments(signed=False, symmetric=True)
ASYMMETRIC_SIGNED = QuantizationArguments(signed=True, symmetric=False)
SYMMETRIC_SIGNED = QuantizationArguments(signed=True, symmetric=True)
