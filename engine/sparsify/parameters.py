"""Which parameters of a model a modifier means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from torch import nn

from engine.errors import UserError, plain
from engine.sparsify.nearest import did_you_mean
from engine.sparsify.patterns import TooSlowError, matched

ALL = "__ALL__"
ALL_PRUNABLE = "__ALL_PRUNABLE__"
PATTERN = "re:"
PRUNABLE_LAYERS = (nn.Linear, nn.Embedding, nn.Conv1d, nn.Conv2d, nn.Conv3d)

NamedParameters = list[tuple[str, nn.Parameter]]


def all_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Every parameter once, modules in their order and parameters in theirs."""
    yield from model.named_parameters()


def prunable_parameters(model: nn.Module) -> NamedParameters:
    """The weights of linear, embedding and convolution layers, in module order, each once."""
    weights = {
        id(layer.weight): f"{name}.weight" if name else "weight"
        for name, layer in reversed(list(model.named_modules()))
        if isinstance(layer, PRUNABLE_LAYERS)
    }
    return [(name, parameter) for name, parameter in all_parameters(model) if id(parameter) in weights]


def select_parameters(
    model: nn.Module, params: str | Sequence[str], *, modifier: str, strict: bool = True
) -> NamedParameters:
    """Parameters meant by `params`: ``__ALL__``, ``__ALL_PRUNABLE__``, exact names and ``re:`` patterns.

    A pattern is matched at the beginning of a name, not to its end. The order is that of the model, which is the order
    in which weights compete under one threshold. Raises `UserError` where a member matches nothing (if `strict`) and
    where nothing is selected.
    """
    members = [params] if isinstance(params, str) else list(params)
    candidates = list(all_parameters(model))
    chosen: set[str] = set()
    for member in members:
        found = matching(model, member, candidates, modifier)
        if not found and strict:
            near = "" if member.startswith(PATTERN) else did_you_mean(member, (name for name, _ in candidates))
            hint = near or "compare `params` of the recipe with the names of this model's parameters"
            raise UserError(f"{modifier}: {plain(member)} matches no parameter of the model", hint)
        chosen.update(found)
    if not chosen:
        raise UserError(f"{modifier}: no parameter is selected", "name at least one in `params` of the recipe")
    return [(name, parameter) for name, parameter in candidates if name in chosen]


def matching(model: nn.Module, member: str, candidates: Sequence[tuple[str, nn.Parameter]], modifier: str) -> list[str]:
    """The names among `candidates` that one member of `params` means. Raises `UserError` for a pattern that is
    broken or takes too long."""
    if member == ALL:
        return [name for name, _ in candidates]
    if member == ALL_PRUNABLE:
        return [name for name, _ in prunable_parameters(model)]
    if not member.startswith(PATTERN):
        return [name for name, _ in candidates if name == member]
    try:
        return matched(member.removeprefix(PATTERN), (name for name, _ in candidates))
    except re.error as error:
        raise UserError(f"{modifier}: {plain(member)} is not a regular expression", plain(str(error))) from None
    except TooSlowError:
        message = f"{modifier}: {plain(member)} takes too long to match against the names of the model's parameters"
        raise UserError(message, "leave out repeats of what repeats, such as (a+)+") from None
