"""The linear layers of a model, and the layers of its encoder in which they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from engine.errors import UserError, plain
from engine.recipes.modifiers.one_shot import ENCODER
from engine.sparsify.nearest import did_you_mean
from engine.sparsify.parameters import PATTERN, NamedParameters, matching


@dataclass(frozen=True)
class EncoderLayer:
    """One of the layers that a model runs one after the other; `stack` are all of them."""

    name: str
    module: nn.Module
    stack: nn.ModuleList
    place: int


def encoder_layers(model: nn.Module) -> list[EncoderLayer]:
    """The members of the outermost lists of modules that hold linear layers, in module order."""
    return [
        EncoderLayer(f"{name}.{place}" if name else str(place), module, stack, place)
        for name, stack in _outermost_lists(model, "")
        for place, module in enumerate(stack)
    ]


def _outermost_lists(module: nn.Module, name: str) -> Iterator[tuple[str, nn.ModuleList]]:
    if isinstance(module, nn.ModuleList):
        if any(isinstance(inner, nn.Linear) for inner in module.modules()):
            yield name, module
        return
    for child_name, child in module.named_children():
        yield from _outermost_lists(child, f"{name}.{child_name}" if name else child_name)


def linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """Every linear layer by the name of its weight, in module order."""
    return {
        f"{name}.weight" if name else "weight": module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    }


def select_linear_weights(
    model: nn.Module, params: str | Sequence[str], ignore: Sequence[str] = (), *, modifier: str
) -> NamedParameters:
    """The weights of linear layers that `params` means: ``__ENCODER__`` (all of the encoder's layers), exact names and
    ``re:`` patterns, without those that `ignore` matches.

    Raises `UserError` where a member matches none of them and where nothing is left.
    """
    linear = linear_layers(model)
    candidates = [(name, parameter) for name, parameter in model.named_parameters() if name in linear]
    chosen: set[str] = set()
    for member in [params] if isinstance(params, str) else params:
        matched = _in_encoder(model) if member == ENCODER else matching(model, member, candidates, modifier)
        if not matched:
            near = "" if member.startswith(PATTERN) else did_you_mean(member, linear)
            hint = near or "compare `params` of the recipe with the names of this model's parameters"
            raise UserError(f"{modifier}: {plain(member)} matches no weight of a linear layer", hint)
        chosen.update(matched)
    for member in ignore:
        chosen.difference_update(matching(model, member, candidates, modifier))
    if not chosen:
        raise UserError(f"{modifier}: no parameter is selected", "name fewer in `ignore` of the recipe")
    return [(name, weight) for name, weight in candidates if name in chosen]


def _in_encoder(model: nn.Module) -> list[str]:
    inside = tuple(f"{layer.name}." for layer in encoder_layers(model))
    return [name for name in linear_layers(model) if name.startswith(inside)]
