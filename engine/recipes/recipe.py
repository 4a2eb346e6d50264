"""A recipe: text that was read, checked and put in order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.recipes.modifiers import Modifier
from engine.recipes.order import first_epoch, last_epoch
from engine.recipes.problems import Problem
from engine.recipes.variables import Variable

MOST_MODIFIERS = 300
"""A block for every matrix of BERT-large makes 150."""


class Place(NamedTuple):
    """Where something stands in a text: line and column from 1, and how many characters it has there (0: unknown)."""

    line: int
    column: int
    length: int = 0


@dataclass(frozen=True)
class Stage:
    """A named part of a recipe; a recipe without stages is one stage without a name.

    `lines` and `columns` say where each of the modifiers begins, `members` where the texts in its lists stand; a stage
    that no text holds has neither columns nor members.
    """

    name: str
    modifiers: tuple[Modifier, ...]
    lines: tuple[int, ...]
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    metadata: Mapping[str, Any] | None = None
    columns: tuple[int, ...] = ()
    members: tuple[Mapping[str, Place], ...] = ()


@dataclass(frozen=True)
class Recipe:
    """Modifiers in running order, with what the text said besides; everything in it is checked.

    `text` is the whole text as found, `source` what the user named, `notes` what may not be what was meant.
    """

    text: str
    source: str
    stages: tuple[Stage, ...]
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    described: tuple[Variable, ...] = ()
    version: str | None = None
    metadata: Mapping[str, Any] | None = None
    notes: tuple[Problem, ...] = ()

    @property
    def staged(self) -> bool:
        """Whether the text names stages."""
        return any(stage.name for stage in self.stages)

    @property
    def modifiers(self) -> tuple[Modifier, ...]:
        """Every modifier in running order."""
        return tuple(modifier for stage in self.stages for modifier in stage.modifiers)

    @property
    def lines(self) -> tuple[int, ...]:
        """The line of the text each of `modifiers` begins at."""
        return tuple(line for stage in self.stages for line in stage.lines)

    @property
    def columns(self) -> tuple[int, ...]:
        """The column each of `modifiers` begins at."""
        return tuple(column for stage in self.stages for column in stage.columns or (1,) * len(stage.lines))

    def place(self, index: int, member: str = "") -> Place:
        """Where a modifier begins, or where a text in one of its lists stands."""
        nowhere: Mapping[str, Place] = {}
        members = [own for stage in self.stages for own in stage.members or (nowhere,) * len(stage.modifiers)]
        line = self.lines[index]
        return members[index].get(member) or Place(line, self.columns[index] if line else 0)

    @property
    def max_epochs(self) -> int:
        """The length of a training run by this recipe, -1 where it has none."""
        return last_epoch(self.modifiers)

    @property
    def min_epochs(self) -> int:
        """The epoch the recipe begins at, -1 where it has none."""
        return first_epoch(self.modifiers)

    @property
    def sha256(self) -> str:
        """Digest of the text."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    def to_yaml(self) -> str:
        """The recipe in SparseML's saved format, variables evaluated; reads back to the same modifiers."""
        from engine.recipes.saved import saved_text

        return saved_text(self)
