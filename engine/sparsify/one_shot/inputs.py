"""What is kept of the inputs of a linear layer: sums over all tokens that count."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn


class InputSums(ABC):
    """Sums over the tokens that went into a layer, in float32.

    `tokens` is how many there were. Tokens of the padding do not count.
    """

    def __init__(self, layer: nn.Linear) -> None:
        self.tokens = 0
        self.sums = torch.zeros(self._shape(layer.in_features), device=layer.weight.device)

    @staticmethod
    @abstractmethod
    def _shape(features: int) -> tuple[int, ...]:
        """The shape of the sums."""

    @abstractmethod
    def _take(self, rows: torch.Tensor) -> None:
        """Take in the tokens of `rows` [tokens, features]."""

    def add(self, inputs: torch.Tensor, counts: torch.Tensor | None) -> None:
        """Take in the inputs of one call, [..., features]; `counts` [batch, length] is 0 for padding."""
        rows = _counting(inputs.detach(), counts).float()
        self.tokens += len(rows)
        self._take(rows)

    @property
    def finite(self) -> bool:
        """Whether nothing that came in was NaN or infinite."""
        return bool(torch.isfinite(self.sums).all())


class InputSquares(InputSums):
    """Σ x_j² of every feature j."""

    @staticmethod
    def _shape(features: int) -> tuple[int, ...]:
        return (features,)

    def _take(self, rows: torch.Tensor) -> None:
        self.sums += rows.square().sum(dim=0)


class InputProducts(InputSums):
    """Σ x xᵀ, half the Hessian of the squared error of a row's output."""

    @staticmethod
    def _shape(features: int) -> tuple[int, ...]:
        return (features, features)

    def _take(self, rows: torch.Tensor) -> None:
        self.sums.addmm_(rows.mT, rows)


def _counting(inputs: torch.Tensor, counts: torch.Tensor | None) -> torch.Tensor:
    """The rows of the tokens that count; all where the shapes do not tell which is which."""
    rows = inputs.reshape(-1, inputs.shape[-1])
    if counts is None or counts.dim() != 2 or inputs.shape[:-1].numel() != counts.numel():
        return rows
    if inputs.shape[:-1] == counts.mT.shape != counts.shape:
        counts = counts.mT
    return rows[counts.reshape(-1).bool().to(rows.device)]
