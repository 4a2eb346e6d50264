"""One line that says whether a run is healthy and how far it is."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len

from sqa_tui.formatting import cut_middle, duration, progress_bar
from sqa_tui.states import glyph
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane

LEAST_NAME = 12
"""Cells that the name of a run has at least."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What the line shows."""

    name: str
    state: str = ""
    reason: str = ""
    epoch: float = 0.0
    total_epochs: float | None = None
    progress: float | None = None
    seconds_left: float | None = None
    device: str = ""


class RunHeader(DiffPane):
    """Glyph, name and state; epoch, bar and share; time left and device; then the evidence as far as it fits."""

    DEFAULT_CSS = "RunHeader { height: 1; }"

    def __init__(self, name: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._status = RunStatus(name)

    @property
    def status(self) -> RunStatus:
        """What is shown."""
        return self._status

    def show(self, status: RunStatus) -> None:
        """Show `status`."""
        self._status = status
        self.redraw()

    def draw(self, width: int, height: int) -> list[CellRow]:
        status, row = self._status, CellRow(width)
        colour = self.palette.style(f"state-{status.state or 'unknown'}", bold=True)
        x = row.put(1, f"{glyph(status.state) if status.state else '…'} ", colour)
        facts = self._facts(width)
        room = width - x - 1 - sum(2 + cell_len(text) for text, _ in facts)
        name = cut_middle(status.name, max(room, width // 4, LEAST_NAME))
        x = row.put(x, name, self.palette.style("emphasis", bold=True))
        for text, shade in facts:
            x = row.put(x + 2, text, self.palette.style(shade) if shade else colour)
        if status.reason and width - x > 16:
            row.put_cut(x + 3, status.reason, self.palette.style("muted"), end=width - 1)
        return [row]

    def _facts(self, width: int) -> list[tuple[str, str]]:
        """What follows the name, each with the theme variable of its colour; the state has its own."""
        status = self._status
        facts = [(status.state or "reading", ""), (_epochs(status), "foreground")]
        if status.progress is not None:
            bar = progress_bar(status.progress, 24 if width >= 130 else 14 if width >= 100 else 8)
            facts += [(bar, "chart-1"), (f"{status.progress * 100:.0f} %".rjust(5), "emphasis")]
        return facts + [(text, "foreground") for text in (_time_left(status), status.device) if text]


def _epochs(status: RunStatus) -> str:
    if status.total_epochs is None:
        return f"epoch {status.epoch:.2f}"
    total = f"{status.total_epochs:g}"
    return f"epoch {status.epoch:{len(total) + 3}.2f}/{total}"


def _time_left(status: RunStatus) -> str:
    return f"ETA {duration(status.seconds_left):<9}" if status.seconds_left is not None else ""
