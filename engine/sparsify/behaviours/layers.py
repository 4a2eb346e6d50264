"""Dropping whole layers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import nn

from engine.errors import UserError, plain
from engine.recipes.modifiers import LayerPruningModifier
from engine.sparsify.behaviours.base import Behaviour, Moment, behaviour_of
from engine.sparsify.context import Teacher
from engine.sparsify.nearest import did_you_mean
from engine.sparsify.parameters import ALL, ALL_PRUNABLE, PRUNABLE_LAYERS


class PassThrough(nn.Identity):
    """Stands where a layer was: hands on its first positional argument and takes any further ones."""

    def __init__(self, replaced: nn.Module | None = None) -> None:
        super().__init__()
        # In a tuple it is no part of the model.
        self.replaced = (replaced,)

    def forward(self, input: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:  # noqa: A002 - the name in nn.Identity
        return input


def dropped_layers(model: nn.Module) -> list[str]:
    """The layers of `model` that are dropped, by their names."""
    return [name for name, module in model.named_modules() if isinstance(module, PassThrough)]


def drop_only(model: nn.Module, names: Collection[str]) -> None:
    """Leave exactly these layers of `model` dropped, and put others back that were."""
    for name in dropped_layers(model):
        module = model.get_submodule(name)
        if name not in names and isinstance(module, PassThrough) and module.replaced[0] is not None:
            model.set_submodule(name, module.replaced[0])
    for name in set(names) - set(dropped_layers(model)):
        model.set_submodule(name, PassThrough(model.get_submodule(name)))


@behaviour_of(LayerPruningModifier)
class LayerPruning(Behaviour[LayerPruningModifier]):
    """Takes layers out at the start and, where there is an end within the run, puts them back there."""

    phase = "prune"

    def __init__(self, modifier: LayerPruningModifier, *, sparseml_compatible: bool = False) -> None:
        super().__init__(modifier, sparseml_compatible=sparseml_compatible)
        self.dropped: dict[str, nn.Module] = {}
        self.from_the_start = False
        """Whether the layers were dropped before the optimizer existed."""

    def prepare(self, model: nn.Module, epoch: float) -> None:
        over = self.modifier.end_epoch >= 0 and epoch >= self.modifier.end_epoch
        if epoch >= self.modifier.begins and not over:
            self.drop(model)
            self.from_the_start = True

    def check(self, model: nn.Module, teacher: Teacher) -> None:
        for _, error in self.unknown(model):
            raise error

    def unknown(self, model: nn.Module) -> Iterator[tuple[str, UserError]]:
        """Every name that the model does not have, and what to say of it."""
        modules = dict(model.named_modules())
        for name in self.names(model):
            if name not in modules:
                hint = did_you_mean(name, modules) or "name modules in full in `layers`"
                yield name, UserError(f"{self.modifier.name}: the model has no layer {plain(name)}", hint)

    def drop(self, model: nn.Module) -> None:
        """Replace the layers, once. Raises `UserError` for a name the model does not have."""
        if self.dropped:
            return
        self.check(model, None)
        modules = dict(model.named_modules())
        self.dropped = {name: modules[name] for name in self.names(model)}
        for name, layer in self.dropped.items():
            model.set_submodule(name, PassThrough(layer))
            # Nobody clears these gradients from now on, and the optimizer would follow them at every step.
            layer.zero_grad(set_to_none=True)

    def restore(self, model: nn.Module) -> None:
        """Put the layers back."""
        for name, layer in self.dropped.items():
            model.set_submodule(name, layer)
        self.dropped = {}

    def update(self, moment: Moment) -> None:
        if moment.starts:
            self.drop(self.training.model)
            self.say(moment, "update", f"{self.modifier.name}: {len(self.dropped)} layers dropped")
        if moment.ends:
            self.restore(self.training.model)

    def finalize(self, moment: Moment) -> None:
        if self.sparseml_compatible and self.modifier.end_epoch >= 0:
            self.restore(self.training.model)

    def names(self, model: nn.Module) -> list[str]:
        """The layers that are meant, by their full names."""
        layers = self.modifier.layers
        members = [layers] if isinstance(layers, str) else list(layers)
        named = [(name, module) for name, module in model.named_modules() if name]
        if ALL in members:
            return [name for name, _ in model.named_children()]
        if ALL_PRUNABLE in members:
            return [name for name, module in named if isinstance(module, PRUNABLE_LAYERS)]
        return members

    def structure(self) -> dict[str, Any]:
        return {"dropped": bool(self.dropped), "from_the_start": self.from_the_start}

    def restore_structure(self, model: nn.Module, structure: dict[str, Any]) -> None:
        """As it was when the optimizer was made, which has the parameters of layers that were dropped later."""
        if structure["from_the_start"]:
            self.drop(model)
            self.from_the_start = True

    def state_dict(self) -> dict[str, Any]:
        # What was trained before it was dropped is in no checkpoint of the model; global masks rank it still.
        kept = {} if self.from_the_start else self.dropped
        return {
            "dropped": bool(self.dropped),
            "weights": {name: layer.state_dict() for name, layer in kept.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["dropped"]:
            self.drop(self.training.model)
        else:
            self.restore(self.training.model)
        for name, weights in state["weights"].items():
            self.dropped[name].load_state_dict(weights)
