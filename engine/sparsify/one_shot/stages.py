"""The order in which linear layers are pruned: those of one encoder layer together, layers as the model runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from engine.errors import UserError
from engine.sparsify.one_shot.layers import EncoderLayer, encoder_layers, linear_layers


@dataclass(frozen=True)
class Stage:
    """Linear layers, by the names of their weights, that are pruned together, and the module they are in: an encoder
    layer, or the linear layer itself where it is in none."""

    name: str
    module: nn.Module
    layers: Mapping[str, nn.Linear]
    encoder: EncoderLayer | None


def find_stages(model: nn.Module, names: Sequence[str]) -> list[Stage]:
    """The stages that hold the linear layers of the weights `names`, in module order."""
    linear, encoder = linear_layers(model), encoder_layers(model)
    members: dict[str, dict[str, nn.Linear]] = {}
    for name in names:
        layer = next((layer.name for layer in encoder if name.startswith(f"{layer.name}.")), "")
        members.setdefault(layer or name.rpartition(".")[0], {})[name] = linear[name]
    by_name = {layer.name: layer for layer in encoder}
    return [Stage(name, model.get_submodule(name), own, by_name.get(name)) for name, own in members.items()]


def in_order(stages: Sequence[Stage], calls: Sequence[str], title: str) -> list[Stage]:
    """The stages in the order in which the model called their modules for the first time.

    Raises `UserError`, which names `title`, for one that it did not call.
    """
    for stage in stages:
        if stage.name not in calls:
            raise UserError(f"{title}: the model does not run {stage.name}", "leave it out of `params`")
    return sorted(stages, key=lambda stage: calls.index(stage.name))
