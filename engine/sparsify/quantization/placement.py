"""Where fake quantizers go: what the two kinds of quantization modifier have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import nn

from engine.sparsify.quantization.arguments import QuantizationArguments

PRODUCTS = "QATMatMul"
"""The class name by which a recipe means the products of attention."""


@dataclass(frozen=True)
class Tensors:
    """How a module's tensors are quantized; None where they are not."""

    inputs: QuantizationArguments | None = None
    weight: QuantizationArguments | None = None
    output: QuantizationArguments | None = None

    @property
    def none(self) -> bool:
        """Whether nothing is quantized."""
        return self.inputs is None and self.weight is None and self.output is None


@dataclass(frozen=True)
class Products:
    """How the factors and the result of an attention product are quantized."""

    left: QuantizationArguments | None
    right: QuantizationArguments | None
    result: QuantizationArguments | None


class Placement(Protocol):
    """Decides for every module of a model."""

    def check(self, model: nn.Module) -> None:
        """Raise `UserError` where the modifier names what `model` does not have."""
        ...

    def tensors(self, name: str, module: nn.Module) -> Tensors:
        """How the tensors of a module are quantized."""
        ...

    def products(self, name: str, attention: nn.Module) -> Products | None:
        """How the products of an attention module are quantized."""
        ...


def is_within(name: str, roots: tuple[str, ...]) -> bool:
    """Whether a module path is one of `roots` or lies below one."""
    return any(name == root or name.startswith(f"{root}.") for root in roots)
