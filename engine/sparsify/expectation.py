"""How many zeros a recipe leaves in a model, and which of those it has would be lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from engine.recipes.inspection import Finding, Selected, Selection, Zeros
from engine.recipes.modifiers import ConstantPruningModifier, GradualPruningModifier, Modifier
from engine.recipes.recipe import Recipe

NOTABLE = 0.01
"""A smaller share of weights that may grow again is not worth a word."""
SPARSE = 0.05
"""A parameter with fewer zeros is not sparse: the row of a padding token is zero in every embedding."""


@dataclass(frozen=True)
class Expectation:
    """What becomes of the zeros of a model's parameters.

    `sizes` are the weights of every parameter that is left when the run is over, `zeros` those that are zero now (None:
    not known), `prunable` the names of prunable parameters.
    """

    recipe: Recipe
    selections: Sequence[Selection]
    sizes: Mapping[str, int]
    zeros: Mapping[str, int] | None
    prunable: Sequence[str]
    length: float

    def over_pruned(self) -> Zeros:
        """Over the parameters that some pruning modifier acts on."""
        return self._over([name for name in self.sizes if name in self._holders])

    def over_prunable(self) -> Zeros:
        """Over the weights of linear, embedding and convolution layers."""
        return self._over([name for name in self.prunable if name in self.sizes])

    def over_all(self) -> Zeros:
        """Over all parameters."""
        return self._over(list(self.sizes))

    def _over(self, names: Sequence[str]) -> Zeros:
        expected = [self._expected(name) for name in names]
        return Zeros(
            weights=sum(self.sizes[name] for name in names),
            now=None if self.zeros is None else sum(self.zeros.get(name, 0) for name in names),
            then=None if None in expected else round(sum(count for count in expected if count is not None)),
        )

    def _expected(self, name: str) -> float | None:
        """Zeros of a parameter when the run is over; None where it depends on weights that are not at hand."""
        counts = [self._left_by(selection, name) for selection in self._holders.get(name, [])]
        return None if None in counts else max((count for count in counts if count is not None), default=0.0)

    def _left_by(self, selection: Selection, name: str) -> float | None:
        modifier = self.recipe.modifiers[selection.index]
        if not isinstance(modifier, ConstantPruningModifier):
            return self.sizes[name] * (selection.target or 0.0)
        if 0 <= modifier.end_epoch < self.length:
            return 0.0
        return None if self.zeros is None else float(self.zeros.get(name, 0))

    @cached_property
    def _holders(self) -> dict[str, list[Selection]]:
        """The selections of pruning modifiers by parameter."""
        found: dict[str, list[Selection]] = {}
        for selection in self.selections:
            if self.recipe.modifiers[selection.index].acts_on == "pruning":
                for parameter in selection.parameters:
                    found.setdefault(parameter.name, []).append(selection)
        return found

    def findings(self) -> Iterator[Finding]:
        """Zeros that grow again, and modifiers that prune the same parameters at the same time."""
        for selection in self.selections:
            yield from self._regrowing(selection)
            yield from self._unusual(selection)
            yield from self._holding_nothing(selection)
        yield from self._unheld()
        yield from self._overlapping()

    def _regrowing(self, selection: Selection) -> Iterator[Finding]:
        modifier = self.recipe.modifiers[selection.index]
        if not isinstance(modifier, GradualPruningModifier) or modifier.init_sparsity == "__FROM_PARAM__":
            return
        freed = self._freed(selection)
        if selection.first is not None and freed > NOTABLE * selection.weights:
            yield self._said(
                selection.index,
                f"{modifier.name} begins at a sparsity of {_percent(selection.first)}, but "
                f"{_percent(selection.sparsity)} of its weights are zero already: {freed:,} zeros may grow again",
                "set init_sparsity to __FROM_PARAM__",
            )

    def _holding_nothing(self, selection: Selection) -> Iterator[Finding]:
        """A dense model where a sparse one was meant."""
        modifier = self._modifier(selection)
        if not isinstance(modifier, ConstantPruningModifier) or (selection.sparsity or 0.0) > SPARSE:
            return
        pruned = any(item.target for one in selection.parameters for item in self._holders[one.name])
        if selection.zeros is not None and selection.weights and not pruned:
            yield self._said(
                selection.index,
                f"{modifier.name} holds what is zero, but {_percent(selection.sparsity)} of its weights are",
                "start from a sparse model, or prune by another modifier",
            )

    def _unusual(self, selection: Selection) -> Iterator[Finding]:
        """Biases and layer norms that a pattern caught."""
        named = {pattern.text for pattern in selection.patterns}
        caught = [item.name for item in selection.parameters if item.name not in {*self.prunable, *named}]
        if selection.target and caught and "__ALL__" not in named:
            many = f" and {len(caught) - 1} more" if len(caught) > 1 else ""
            yield self._said(
                selection.index,
                f"{selection.modifier} also prunes {caught[0]}{many}, which are no weights of linear, embedding or "
                "convolution layers",
                "make the pattern narrower",
            )

    def _freed(self, selection: Selection) -> int:
        """Zeros that the first mask does not hold."""
        first = selection.first or 0.0
        if selection.zeros is None:
            return 0
        if selection.together:
            return max(selection.zeros - round(first * selection.weights), 0)
        return sum(max((item.zeros or 0) - round(first * _weights(item)), 0) for item in selection.parameters)

    def _unheld(self) -> Iterator[Finding]:
        """Zeros that no mask holds, or only from some epoch on."""
        since: dict[tuple[float, int], list[str]] = {}
        for name in self.prunable:
            if name in self.sizes and self.zeros and self.zeros.get(name, 0) > SPARSE * self.sizes[name]:
                begins = [(self._modifier(item).begins, item.index) for item in self._holders.get(name, [])]
                since.setdefault(min(begins, default=(self.length, -1)), []).append(name)
        for (begin, index), names in sorted(since.items()):
            if begin > 0:
                count = sum(self.zeros.get(name, 0) for name in names) if self.zeros else 0
                yield self._lost(begin, None if index < 0 else index, names, count)

    def _lost(self, begin: float, index: int | None, names: Sequence[str], count: int) -> Finding:
        """`index`: the first modifier that holds them, if any."""
        many = f" and {len(names) - 1} more parameters" if len(names) > 1 else ""
        until = f"until epoch {begin:g} " if begin < self.length else ""
        text = f"{until}nothing holds the {count:,} zeros of {names[0]}{many}: they grow again"
        return self._said(index, text, "add ConstantPruningModifier from epoch 0")

    def _overlapping(self) -> Iterator[Finding]:
        pruning = [item for item in self.selections if item.target is not None]
        for one, other in combinations(pruning, 2):
            shared = {item.name for item in one.parameters} & {item.name for item in other.parameters}
            if shared and one.index != other.index and self._together(one, other):
                first, second = (self._modifier(item).name for item in (one, other))
                line = self.recipe.lines[one.index]
                where = f"line {line}" if line else "another stage"
                yield self._said(
                    other.index,
                    f"{second} prunes {len(shared)} parameters ({min(shared)} …) that {first} ({where}) prunes at the "
                    "same time",
                    "leave them to one of the two",
                )

    def _together(self, one: Selection, other: Selection) -> bool:
        starts = [self._modifier(item).begins for item in (one, other)]
        ends = [self._end(self._modifier(item)) for item in (one, other)]
        return max(starts) < min(ends)

    def _end(self, modifier: Modifier) -> float:
        return modifier.end_epoch if modifier.end_epoch >= 0 else self.length

    def _modifier(self, selection: Selection) -> Modifier:
        return self.recipe.modifiers[selection.index]

    def _said(self, index: int | None, message: str, suggestion: str) -> Finding:
        line, column = (0, 0) if index is None else (self.recipe.lines[index], self.recipe.columns[index])
        column = column if line else 0
        return Finding(level="warning", line=line, column=column, message=message, suggestion=suggestion)


def _weights(parameter: Selected) -> int:
    size = 1
    for extent in parameter.shape:
        size *= extent
    return size


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0.0):.1f} %"
