"""Which panes of the Run screen are shown: as many as the terminal has room for, the last chosen ones."""

from __future__ import annotations

from dataclasses import dataclass, field

PANES = ("loss", "scores", "sparsity", "rate", "layers", "speed")
"""Panes in the order of their keys, 1 to 6."""
USUAL = ("loss", "sparsity", "scores", "layers", "rate", "speed")
"""Panes by how much they are wanted where there is no room for all."""


def slots(columns: int, rows: int) -> int:
    """How many panes a terminal has room for."""
    if columns >= 150 and rows >= 38:
        return 6
    if columns >= 100 and rows >= 28:
        return 4
    return 2 if rows >= 20 else 1


@dataclass
class PaneChoice:
    """The panes by how recently they were asked for, and the one that has the whole place."""

    wanted: list[str] = field(default_factory=lambda: list(USUAL))
    maximised: str | None = None

    def choose(self, pane: str, count: int) -> None:
        """Ask for a pane; where there is no room it takes the place of the one asked for longest ago."""
        if pane not in self.shown(count):
            self.wanted.remove(pane)
            self.wanted.insert(0, pane)
        if self.maximised:
            self.maximised = pane

    def shown(self, count: int) -> list[str]:
        """The panes to show, in the order of their keys."""
        if self.maximised:
            return [self.maximised]
        first = self.wanted[:count]
        return [pane for pane in PANES if pane in first]
