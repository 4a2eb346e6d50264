"""Magnitudes of weights as scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import torch


class Magnitudes(Sequence[torch.Tensor]):
    """Absolute values of `weights`, each computed when it is asked for, so that only one copy exists at a time."""

    def __init__(self, weights: Sequence[torch.Tensor]) -> None:
        self.weights = weights

    def __len__(self) -> int:
        return len(self.weights)

    @overload
    def __getitem__(self, index: int) -> torch.Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> Magnitudes: ...
    def __getitem__(self, index: int | slice) -> torch.Tensor | Magnitudes:
        if isinstance(index, slice):
            return Magnitudes(self.weights[index])
        return self.weights[index].detach().abs()
