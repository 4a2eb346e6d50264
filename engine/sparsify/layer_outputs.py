"""What single layers of a model put out."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from engine.errors import UserError, plain
from engine.recipes.problems import did_you_mean


class LayerOutputs:
    """Notes what `layers` put out at every call, until it is closed; a context manager.

    `with_gradients`: only calls that build a graph are noted; otherwise only those that do not, as in evaluation.
    """

    def __init__(self, layers: Mapping[str, nn.Module], *, with_gradients: bool) -> None:
        self.with_gradients = with_gradients
        self._layers = dict(layers)
        self._names = {id(layer): name for name, layer in layers.items()}
        self._outputs: dict[str, Any] = {}
        self._hooks: list[RemovableHandle] = []
        self.open()

    def open(self) -> None:
        """Listen, if it does not already."""
        if self._hooks:
            return
        # A copy of a model takes functions along as they are but would copy a bound method with all it holds.
        self._hooks = [
            layer.register_forward_hook(lambda called, _, output: self._note(called, output))
            for layer in self._layers.values()
        ]

    def _note(self, layer: nn.Module, output: Any) -> None:
        """Note an output, but not that of a copied layer, which brings the hook along."""
        if id(layer) in self._names and torch.is_grad_enabled() is self.with_gradients:
            self._outputs[self._names[id(layer)]] = output

    def take(self) -> dict[str, Any]:
        """The outputs of the last call of each layer, which are then forgotten."""
        outputs, self._outputs = self._outputs, {}
        return outputs

    def close(self) -> None:
        """Listen no more."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._outputs.clear()

    def __enter__(self) -> LayerOutputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def first_tensor(output: Any) -> torch.Tensor | None:
    """The tensor a layer puts out, the first one of several; None where there is none."""
    members = list(output.values()) if isinstance(output, Mapping) else output
    first = members[0] if isinstance(members, list | tuple) and members else members
    return first if isinstance(first, torch.Tensor) else None


def named_layers(
    model: nn.Module, names: tuple[str, ...] | None, kinds: tuple[type[nn.Module], ...], *, whose: str, modifier: str
) -> dict[str, nn.Module]:
    """Layers of `model` by their `names`; without names all that are exactly of one of `kinds`, in the model's order.

    Raises `UserError` for a name the model does not have.
    """
    layers = dict(model.named_modules())
    if names is None:
        return {name: layer for name, layer in layers.items() if type(layer) in kinds}
    for name in names:
        if name not in layers:
            near = did_you_mean(name, layers)
            raise UserError(
                f"{modifier}: the {whose} has no layer {plain(name)}",
                plain(near) or f"give full names of the {whose}'s layers in {whose}_layer_names",
            )
    return {name: layers[name] for name in names}
