"""Placement by a scheme with overrides: the newer kind of quantization modifier."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from torch import nn

from engine.errors import UserError, plain
from engine.recipes.modifiers import QuantizationArguments as RecipeArguments
from engine.recipes.modifiers import QuantizationScheme, SchemeQuantizationModifier
from engine.recipes.modifiers.observers import observer_arguments
from engine.recipes.problems import did_you_mean
from engine.sparsify.quantization.arguments import QuantizationArguments
from engine.sparsify.quantization.placement import PRODUCTS, Products, Tensors, is_within

PASSED_OVER = ("Dropout", "Identity", "PassThrough", "Flatten", "Sequential", "ModuleList", "ModuleDict")
NOTHING = Tensors()


class PlacementByScheme:
    """Every leaf module gets the scheme's quantizers; names (the longest first) and class names give others or none.
    All integers are signed. Inputs of embeddings are indices and stay as they are."""

    def __init__(self, modifier: SchemeQuantizationModifier) -> None:
        self.modifier = modifier

    def check(self, model: nn.Module) -> None:
        if not self.modifier.strict:
            return
        modules = list(model.named_modules())
        classes = {type(module).__name__ for _, module in modules} | {PRODUCTS}
        for key in (*self.modifier.ignore, *self.modifier.scheme_overrides):
            if key not in classes and not any(is_within(name, (key,)) for name, _ in modules):
                near = did_you_mean(key, [*classes, *(name for name, _ in modules)])
                raise UserError(
                    f"{self.modifier.name}: {plain(key)} is no module and no class of the model",
                    plain(f"{near} or set strict: false") if near else "correct the name, or set strict: false",
                )

    def tensors(self, name: str, module: nn.Module) -> Tensors:
        kind = type(module).__name__
        scheme = self._scheme(name, kind)
        if scheme is None or kind in PASSED_OVER or next(module.children(), None) is not None:
            return NOTHING
        weighted = isinstance(module, nn.Linear | nn.Embedding)
        return Tensors(
            None if isinstance(module, nn.Embedding) else _arguments(scheme.input_activations),
            _arguments(scheme.weights) if weighted else None,
            _arguments(scheme.output_activations),
        )

    def products(self, name: str, attention: nn.Module) -> Products | None:
        scheme = self._scheme(name, PRODUCTS)
        factors = None if scheme is None else _arguments(scheme.input_activations)
        return None if factors is None else Products(factors, replace(factors, symmetric=True), factors)

    def _scheme(self, name: str, kind: str) -> QuantizationScheme | None:
        """The scheme of a module, None where it is ignored."""
        overrides = self.modifier.scheme_overrides
        if _match(name, kind, self.modifier.ignore) is not None:
            return None
        key = _match(name, kind, overrides)
        return self.modifier.scheme if key is None else overrides[key]


def _arguments(wanted: RecipeArguments | None) -> QuantizationArguments | None:
    if wanted is None:
        return None
    usual = QuantizationArguments(
        signed=True, symmetric=wanted.symmetric, bits=wanted.num_bits, per_channel=wanted.strategy == "channel"
    )
    return replace(usual, **observer_arguments(wanted.kwargs))


def _match(name: str, kind: str, keys: Iterable[str]) -> str | None:
    """The longest of `keys` that is `name` or a module around it, else the one that is its class."""
    around = [key for key in keys if is_within(name, (key,))]
    return max(around, key=len) if around else next((key for key in keys if key == kind), None)
