"""Which parameters of a model each modifier of a recipe selects, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from engine.errors import UserError
from engine.recipes.inspection import Finding, Pattern, Selected, Selection
from engine.recipes.modifiers import LayerPruningModifier, Modifier
from engine.recipes.recipe import Recipe
from engine.recipes.timeline import Timeline, Track
from engine.sparsify.behaviours import BEHAVIOURS
from engine.sparsify.behaviours.layers import LayerPruning
from engine.sparsify.behaviours.pruning import MaskingBehaviour
from engine.sparsify.masks.create import check_mask
from engine.sparsify.parameters import NamedParameters, select_parameters

Zeros = Mapping[str, int] | None


@dataclass(frozen=True)
class Wanted:
    """What one modifier asks for: the members of `params`, and the sparsities at its first update and after the run
    (None where it sets none)."""

    index: int
    members: tuple[str, ...]
    first: float | None = None
    last: float | None = None


class Selector:
    """Finds the parameters of every modifier as a training would: after the layers of the recipe's beginning are gone,
    and by the same function."""

    def __init__(self, recipe: Recipe, model: nn.Module, zeros: Zeros, course: Timeline) -> None:
        self.recipe, self.model, self.zeros, self.course = recipe, model, zeros, course
        self.findings: list[Finding] = []

    def selections(self) -> list[Selection]:
        """Every selection in running order; what matches nothing is among the findings."""
        found: list[Selection] = []
        for index, modifier in enumerate(self.recipe.modifiers):
            taken: set[str] = set()
            for wanted in self._wanted(index, modifier):
                selection = self._selection(wanted, modifier, taken)
                found.append(selection)
                taken |= {parameter.name for parameter in selection.parameters}
        return found

    def drop_layers(self, *, at_start: bool) -> Iterator[Selection]:
        """Take out the layers that are gone when training begins, or those that are gone when it is over."""
        for index, modifier in enumerate(self.recipe.modifiers):
            if isinstance(modifier, LayerPruningModifier) and (modifier.begins <= 0) == at_start:
                dropped = self._dropped(index, modifier)
                if dropped is not None:
                    yield dropped

    def _dropped(self, index: int, modifier: LayerPruningModifier) -> Selection | None:
        behaviour = LayerPruning(modifier)
        layers = behaviour.names(self.model)
        inside = {layer: [item for item in self.model.named_parameters() if _is_in(item[0], layer)] for layer in layers}
        try:
            behaviour.drop(self.model)
        except UserError as error:
            self.say(index, "error", error.message, error.hint)
            return None
        patterns = tuple(Pattern(text=name, parameters=len(own), weights=_size(own)) for name, own in inside.items())
        members = [item for own in inside.values() for item in own]
        if not self._stays_dropped(modifier):
            behaviour.restore(self.model)
        return self._made(Wanted(index, tuple(layers)), modifier, patterns, members)

    def _stays_dropped(self, modifier: LayerPruningModifier) -> bool:
        return modifier.end_epoch < 0 or modifier.end_epoch >= self.course.total_epochs

    def _wanted(self, index: int, modifier: Modifier) -> Iterator[Wanted]:
        own = [track for track in self.course.tracks if track.index == index and track.quantity == "sparsity"]
        for track in own:
            yield Wanted(index, track.params, _first(track), _last(track))
        members = getattr(modifier, "params", None)
        if members and not own:
            yield Wanted(index, (members,) if isinstance(members, str) else tuple(members))

    def _selection(self, wanted: Wanted, modifier: Modifier, taken: set[str]) -> Selection:
        """`taken` are the parameters that an earlier target of the same modifier has."""
        chosen: dict[str, nn.Parameter] = {}
        patterns: list[Pattern] = []
        for member in wanted.members:
            own = self._matched(wanted.index, modifier, member)
            patterns.append(Pattern(text=member, parameters=len(own), weights=_size(own)))
            chosen.update(own)
        ordered = [(name, item) for name, item in self.model.named_parameters() if name in chosen and name not in taken]
        self._check_masks(wanted, modifier, ordered)
        return self._made(wanted, modifier, tuple(patterns), ordered)

    def _matched(self, index: int, modifier: Modifier, member: str) -> NamedParameters:
        try:
            return self._chosen(modifier, member)
        except UserError as error:
            strict = getattr(modifier, "params_strict", True)
            self.say(index, "error" if strict else "warning", error.message, error.hint)
            return []

    def _chosen(self, modifier: Modifier, member: str) -> NamedParameters:
        """What a modifier would act on if it named this member alone."""
        behaviour = BEHAVIOURS.get(type(modifier))
        if behaviour is None or not issubclass(behaviour, MaskingBehaviour) or not getattr(modifier, "params", None):
            return select_parameters(self.model, [member], modifier=modifier.name)
        alone: Any = replace(modifier, params=member if member.startswith("__") else (member,))  # pyright: ignore[reportCallIssue]
        return behaviour(alone).selected(self.model)

    def _check_masks(self, wanted: Wanted, modifier: Modifier, parameters: NamedParameters) -> None:
        mask_type = getattr(modifier, "mask_type", None)
        if mask_type is None or not wanted.last:
            return
        for name, parameter in parameters:
            try:
                check_mask(mask_type, tuple(parameter.shape), wanted.last)
            except ValueError as error:
                self.say(wanted.index, "error", f"{modifier.name}: {name}: {error}", "change mask_type or params")
                return

    def _made(
        self, wanted: Wanted, modifier: Modifier, patterns: tuple[Pattern, ...], parameters: NamedParameters
    ) -> Selection:
        zeros = self.zeros
        selected = [
            Selected(name=name, shape=tuple(item.shape), zeros=None if zeros is None else zeros.get(name, 0))
            for name, item in parameters
        ]
        return Selection(
            index=wanted.index,
            modifier=modifier.name,
            line=self.recipe.lines[wanted.index],
            patterns=patterns,
            parameters=tuple(selected),
            weights=_size(parameters),
            zeros=None if zeros is None else sum(item.zeros or 0 for item in selected),
            together=bool(getattr(modifier, "global_sparsity", False)),
            first=wanted.first,
            target=wanted.last,
        )

    def say(self, index: int, level: str, message: str, suggestion: str = "") -> None:
        """Note what is to be said about a modifier."""
        line, column = self.recipe.lines[index], self.recipe.columns[index]
        found = Finding(level=level, line=line, column=column if line else 0, message=message, suggestion=suggestion)
        self.findings.append(found)


def _first(track: Track) -> float | None:
    return track.series.values[0] if track.series.values else None


def _last(track: Track) -> float | None:
    return track.series.values[-1] if track.series.values else None


def _size(parameters: Sequence[tuple[str, torch.Tensor]]) -> int:
    return sum(parameter.numel() for _, parameter in parameters)


def _is_in(parameter: str, layer: str) -> bool:
    return parameter.startswith(f"{layer}.")
