"""Which parameters of a model each modifier of a recipe selects, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from engine.errors import UserError
from engine.recipes.inspection import Finding, Pattern, Selected, Selection
from engine.recipes.modifiers import (
    ConstantPruningModifier,
    LayerPruningModifier,
    Modifier,
    PerLayerDistillationModifier,
)
from engine.recipes.recipe import Recipe
from engine.recipes.timeline import Timeline, Track
from engine.sparsify.behaviours import BEHAVIOURS
from engine.sparsify.behaviours.layer_distillation import LayerDistillation
from engine.sparsify.behaviours.layers import LayerPruning
from engine.sparsify.behaviours.parameters import ParameterSetting
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
            if isinstance(modifier, PerLayerDistillationModifier):
                found += self._distilled(index, modifier)
        return found

    def _distilled(self, index: int, modifier: PerLayerDistillationModifier) -> Iterator[Selection]:
        """The student's layers; the teacher is not known here."""
        try:
            layers = LayerDistillation(modifier).layers(self.model, "student")
        except UserError as error:
            self.say(index, "error", error.message, error.hint, member=self.absent(modifier.student_layer_names))
            return
        named = list(layers) if modifier.student_layer_names else []
        yield self._of_layers(index, modifier, list(layers), named)

    def drop_layers(self, *, at_start: bool) -> Iterator[Selection]:
        """Take out the layers that are gone when training begins, or those that are gone when it is over."""
        for index, modifier in enumerate(self.recipe.modifiers):
            if isinstance(modifier, LayerPruningModifier) and (modifier.begins <= 0) == at_start:
                dropped = self._dropped(index, modifier)
                if dropped is not None:
                    yield dropped

    def _dropped(self, index: int, modifier: LayerPruningModifier) -> Selection | None:
        behaviour = LayerPruning(modifier)
        layers, wrong = behaviour.names(self.model), list(behaviour.unknown(self.model))
        for name, error in wrong:
            self.say(index, "error", error.message, error.hint, member=name)
        if wrong:
            return None
        selection = self._of_layers(index, modifier, layers, layers)
        if self._lasts(modifier):
            behaviour.drop(self.model)
        return selection

    def _of_layers(self, index: int, modifier: Modifier, layers: Sequence[str], named: Sequence[str]) -> Selection:
        """The parameters in `layers`, of which `named` are told one by one."""
        inside = {layer: [item for item in self.model.named_parameters() if _is_in(item[0], layer)] for layer in layers}
        patterns = tuple(
            Pattern(text=name, parameters=len(inside[name]), weights=_size(inside[name])) for name in named
        )
        members = dict(item for own in inside.values() for item in own)
        return self._made(Wanted(index, tuple(layers)), modifier, patterns, list(members.items()))

    def starts(self, modifier: Modifier) -> bool:
        """Whether the run is long enough for a modifier."""
        return modifier.begins < self.course.total_epochs

    def _lasts(self, modifier: Modifier) -> bool:
        """Whether a modifier begins in the run and acts until it is over."""
        return self.starts(modifier) and not 0 <= modifier.end_epoch < self.course.total_epochs

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
        self._check_values(wanted.index, modifier, ordered)
        return self._made(wanted, modifier, tuple(patterns), ordered)

    def _matched(self, index: int, modifier: Modifier, member: str) -> NamedParameters:
        try:
            return self._chosen(modifier, member)
        except UserError as error:
            strict = getattr(modifier, "params_strict", True)
            self.say(index, "error" if strict else "warning", error.message, error.hint, member=member)
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

    def _check_values(self, index: int, modifier: Modifier, parameters: NamedParameters) -> None:
        behaviour = BEHAVIOURS.get(type(modifier))
        if behaviour is None or not issubclass(behaviour, ParameterSetting):
            return
        try:
            behaviour(modifier).check_shapes(parameters)
        except UserError as error:
            self.say(index, "error", error.message, error.hint)

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
            column=self.recipe.columns[wanted.index],
            patterns=patterns,
            parameters=tuple(selected),
            weights=_size(parameters),
            zeros=None if zeros is None else sum(item.zeros or 0 for item in selected),
            together=bool(getattr(modifier, "global_sparsity", False)),
            first=wanted.first,
            target=wanted.last,
            held=isinstance(modifier, ConstantPruningModifier) and self._lasts(modifier),
        )

    def absent(self, names: Sequence[str] | None) -> str:
        """The first of some names that is no module of the model."""
        modules = dict(self.model.named_modules())
        return next((name for name in names or () if name not in modules), "")

    def say(self, index: int, level: str, message: str, suggestion: str = "", *, member: str = "") -> None:
        """Note what is to be said about a modifier, or about a text in one of its lists."""
        place = self.recipe.place(index, member)
        self.findings.append(Finding(level=level, message=message, suggestion=suggestion, **place._asdict()))


def _first(track: Track) -> float | None:
    return track.series.values[0] if track.series.values else None


def _last(track: Track) -> float | None:
    return track.series.values[-1] if track.series.values else None


def _size(parameters: Sequence[tuple[str, torch.Tensor]]) -> int:
    return sum(parameter.numel() for _, parameter in parameters)


def _is_in(parameter: str, layer: str) -> bool:
    return parameter.startswith(f"{layer}.")
