"""Dropping whole layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from engine.errors import UserError, plain
from engine.recipes.modifiers import LayerPruningModifier
from engine.sparsify.behaviours.base import Behaviour, Moment, behaviour_of
from engine.sparsify.parameters import ALL, ALL_PRUNABLE, PRUNABLE_LAYERS


class PassThrough(nn.Identity):
    """Stands where a layer was: hands on its first positional argument and takes any further ones."""

    def forward(self, input: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:  # noqa: A002 - the name in nn.Identity
        return input


@behaviour_of(LayerPruningModifier)
class LayerPruning(Behaviour[LayerPruningModifier]):
    """Takes layers out at the start and, where there is an end within the run, puts them back there."""

    phase = "prune"

    def __init__(self, modifier: LayerPruningModifier, *, sparseml_compatible: bool = False) -> None:
        super().__init__(modifier, sparseml_compatible=sparseml_compatible)
        self.dropped: dict[str, nn.Module] = {}

    def prepare(self, model: nn.Module, epoch: float) -> None:
        over = self.modifier.end_epoch >= 0 and epoch >= self.modifier.end_epoch
        if epoch >= self.modifier.begins and not over:
            self.drop(model)

    def drop(self, model: nn.Module) -> None:
        """Replace the layers, once. Raises `UserError` for a name the model does not have."""
        if self.dropped:
            return
        modules = dict(model.named_modules())
        for name in self.names(model):
            if name not in modules:
                raise UserError(
                    f"{self.modifier.name}: the model has no layer {plain(name)}", "name modules in full in `layers`"
                )
            self.dropped[name] = modules[name]
        for name in self.dropped:
            model.set_submodule(name, PassThrough())

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
        return {"dropped": bool(self.dropped)}

    def restore_structure(self, model: nn.Module, structure: dict[str, Any]) -> None:
        if structure["dropped"]:
            self.drop(model)
