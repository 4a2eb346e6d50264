"""One line that says whether a run is healthy and how far it is."""

from __future__ import annotations

from dataclasses import dataclass

from sqa_tui.formatting import duration, progress_bar
from sqa_tui.states import glyph
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane


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
        x = row.put_cut(x, status.name, self.palette.style("emphasis", bold=True), end=x + max(width // 4, 12))
        x = row.put(x + 2, status.state or "reading", colour)
        x = self._put_progress(row, x + 2, width)
        for text in (_time_left(status), status.device):
            x = row.put(x + 2, text, self.palette.style("foreground")) if text else x
        if status.reason and width - x > 16:
            row.put_cut(x + 3, status.reason, self.palette.style("muted"), end=width - 1)
        return [row]

    def _put_progress(self, row: CellRow, x: int, width: int) -> int:
        status = self._status
        x = row.put(x, _epochs(status), self.palette.style("foreground"))
        if status.progress is None:
            return x
        bar = progress_bar(status.progress, 24 if width >= 130 else 14 if width >= 100 else 8)
        x = row.put(x + 2, bar, self.palette.style("chart-1"))
        return row.put(x + 1, f"{status.progress * 100:3.0f} %", self.palette.style("emphasis"))


def _epochs(status: RunStatus) -> str:
    if status.total_epochs is None:
        return f"epoch {status.epoch:.2f}"
    total = f"{status.total_epochs:g}"
    return f"epoch {status.epoch:{len(total) + 3}.2f}/{total}"


def _time_left(status: RunStatus) -> str:
    return f"ETA {duration(status.seconds_left):<9}" if status.seconds_left is not None else ""
