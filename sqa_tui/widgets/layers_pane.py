"""Sparsity of every layer over the run: one row a parameter, one cell a stretch of epochs."""

from __future__ import annotations

import re
from typing import ClassVar

from textual.binding import Binding, BindingType

from sqa_tui.run_view import Layer
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.framed_pane import FramedPane

SHADES = "·░▒▓█"
"""Sparsity in quarters, from hardly any to nearly all: readable without colour."""
NAME_WIDTH = 17
VALUE_WIDTH = 13

_NUMBER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
_NOISE = ("attention.self.", "attention.", "self_attn.", "weight", "module.", "dense", "_lin", "_proj")


def short_name(name: str) -> str:
    """``bert.encoder.layer.3.attention.self.query.weight`` as ``3 query``; what has no number keeps its last part."""
    found = _NUMBER.search(name)
    if not found:
        return name.removesuffix(".weight").rsplit(".", 1)[-1]
    rest = name[found.end() :]
    output = "attention out" if rest.startswith("attention.output") else ""
    for part in _NOISE if not output else ():
        rest = rest.replace(part, "")
    return f"{found.group(1):>2} {output or rest.strip('.')}"


def shade(sparsity: float) -> str:
    """One cell for a sparsity in 0…1."""
    return SHADES[min(max(round(sparsity * (len(SHADES) - 1)), 0), len(SHADES) - 1)]


class LayersPane(FramedPane):
    """One row a parameter: name, sparsity over the epochs, sparsity now, and whether it is quantised."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_rows(-1)", "Up", show=False),
        Binding("down", "scroll_rows(1)", "Down", show=False),
        Binding("pageup", "scroll_rows(-10)", "Page up", show=False),
        Binding("pagedown", "scroll_rows(10)", "Page down", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__("layers", id=id)
        self._layers: tuple[Layer, ...] = ()
        self._end = 1.0
        self._epoch = 0.0
        self._first = 0

    def show(self, layers: tuple[Layer, ...], epoch: float, end: float) -> None:
        """Show `layers` at `epoch` of `end` epochs; those that a recipe prunes come first."""
        self._layers = tuple(sorted(layers, key=lambda layer: layer.target is None))
        self._epoch, self._end = epoch, end
        self.redraw()

    def note(self) -> str:
        hidden = len(self._layers) - self.room
        more = f"{self._first + 1}–{min(self._first + self.room, len(self._layers))} of {len(self._layers)}"
        return more if hidden > 0 else ""

    def body(self, width: int, height: int) -> list[CellRow]:
        if not self._layers:
            row = CellRow(width)
            row.put(0, "no parameter is pruned or quantised yet", self.palette.style("muted"))
            return [row]
        self._first = min(self._first, max(len(self._layers) - height, 0))
        return [self._row(layer, width) for layer in self._layers[self._first : self._first + height]]

    def action_scroll_rows(self, rows: int) -> None:
        """Move the window over the list."""
        most = max(len(self._layers) - self.room, 0)
        self._first = min(max(self._first + rows, 0), most)
        self.redraw()

    def _row(self, layer: Layer, width: int) -> CellRow:
        row = CellRow(width)
        row.put_cut(0, short_name(layer.name), self.palette.style("foreground"), end=NAME_WIDTH - 1)
        cells = max(width - NAME_WIDTH - VALUE_WIDTH, 0)
        row.put(NAME_WIDTH, self._history(layer, cells), self.palette.style("chart-1"))
        value = "" if layer.sparsity is None else f"{layer.sparsity * 100:5.1f} %"
        x = row.put(width - VALUE_WIDTH + 1, f"{value:>7}", self.palette.style("emphasis"))
        if layer.quantised:
            row.put(x + 1, "int8", self.palette.style("chart-4"))
        return row

    def _history(self, layer: Layer, cells: int) -> str:
        step = self._end / max(cells, 1)
        now = min(int(self._epoch / step), cells - 1) if step else 0
        return "".join(self._at(layer, (cell + 1) * step) for cell in range(now + 1))

    def _at(self, layer: Layer, epoch: float) -> str:
        point = layer.history.before(epoch)
        return shade(point[1]) if point else SHADES[0]
