"""The list of the zoo's entries: columns as the width allows, and their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from engine.errors import plain
from engine.zoo import Entry
from sqa_tui.formatting import cut_middle, number, short_name
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.cursor_list import CursorList

LEFT = 2
"""Cells before the name: the cursor."""
LEAST_NAME = 16
WIDE = 90
"""Cells from which there is room for two blanks between columns."""

Key = Callable[[Entry], "float | str | None"]


@dataclass(frozen=True)
class Column:
    """One column: what it is called in an order and in its title, its cells, its text, and what it is sorted by."""

    name: str
    title: str
    width: int
    needs: int
    """The narrowest list that shows it."""
    text: Callable[[Entry], str]
    key: Key
    right: bool = True


@dataclass(frozen=True)
class Order:
    """By which column entries are sorted; without one they stay as the sources list them."""

    column: str = ""
    descending: bool = False


def _sparsity(entry: Entry) -> str:
    if entry.sparsity is None:
        return "?"
    blocks = " 4b" if entry.structure == "4block" and entry.sparsity else ""
    return f"{entry.sparsity:g} %{blocks}" if entry.sparsity else "dense"


def _has(entry: Entry) -> str:
    parts = ((entry.has_model, "M"), (entry.has_recipe, "R"), (entry.has_teacher, "T"))
    return "".join(letter if there else "·" for there, letter in parts)


_TASKS = {"question_answering": "qa", "masked_language_modeling": "mlm"}

NAME = Column("name", "name", 0, 0, lambda entry: short_name(entry.stub), lambda entry: short_name(entry.stub))
COLUMNS = (
    Column("task", "task", 4, 0, lambda entry: _TASKS.get(entry.task, ""), lambda entry: entry.task or None, False),
    Column("data", "data", 20, 104, lambda entry: entry.dataset, lambda entry: entry.dataset or None, False),
    Column("layers", "layers", 6, 0, lambda entry: str(entry.layers or "?"), lambda entry: entry.layers),
    Column("sparsity", "sparsity", 8, 0, _sparsity, lambda entry: entry.sparsity),
    Column("int8", "int8", 4, 0, lambda entry: "✓" if entry.quantised else "", lambda entry: float(entry.quantised)),
    Column("F1", "F1", 5, 0, lambda entry: number(entry.f1), lambda entry: entry.f1),
    Column("here", "here", 4, 0, _has, lambda entry: _has(entry).count("·")),
    Column("source", "source", 9, 0, lambda entry: entry.source, lambda entry: entry.source, False),
)
ORDERS = ("", NAME.name, *(column.name for column in COLUMNS))
"""Columns in the order in which a key goes through them; the first one is none."""
BEST_FIRST = ("sparsity", "int8", "F1")
"""Columns whose greatest values come first when they are chosen."""


def arranged(entries: Sequence[Entry], order: Order) -> list[Entry]:
    """The entries sorted by a column; those without a value come last either way."""
    column = next((each for each in (NAME, *COLUMNS) if each.name == order.column), None)
    if column is None:
        return list(entries)
    known = [entry for entry in entries if column.key(entry) is not None]
    unknown = [entry for entry in entries if column.key(entry) is None]
    key = cast("Callable[[Entry], float]", column.key)
    return sorted(known, key=key, reverse=order.descending) + unknown


class ZooList(CursorList[Entry]):
    """Entries under a line of titles; the one they are sorted by is marked."""

    order = Order()

    def next_column(self) -> str:
        """The name of the column that is sorted by after the present one: one that is shown, or none."""
        shown = ("", NAME.name, *(column.name for column in _columns(self.size.width)))
        place = ORDERS.index(self.order.column) + 1
        return next(name for name in (*ORDERS[place:], *ORDERS) if name in shown)

    def key_of(self, row: Entry) -> str:
        return row.stub

    def draw(self, width: int, height: int) -> list[CellRow]:
        columns = _columns(width)
        gap = 2 if width >= WIDE else 1
        name = max(width - LEFT - sum(column.width + gap for column in columns), LEAST_NAME)
        rows = [
            self._line(self.rows[place], width, columns, name, gap, place == self.cursor) for place in self.seen(height)
        ]
        return [self._titles(width, columns, name, gap), *rows] if rows else []

    def _titles(self, width: int, columns: list[Column], name: int, gap: int) -> CellRow:
        row = CellRow(width, self.palette.style("muted"))
        x = LEFT
        for column, cells in ((NAME, name), *((column, column.width) for column in columns)):
            mine = column.name == self.order.column
            title = f"{column.title}{'▼' if self.order.descending else '▲'}" if mine else column.title
            style = self.palette.style("emphasis" if mine else "muted", bold=mine)
            row.put(x, title[:cells].rjust(cells) if column.right and column is not NAME else title[:cells], style)
            x += cells + gap
        return row

    def _line(self, entry: Entry, width: int, columns: list[Column], name: int, gap: int, current: bool) -> CellRow:
        row = CellRow(width, self.row_style("foreground", current=current))
        row.put(0, "▌" if current else " ", self.row_style("primary", current=current))
        here = entry.has_model or entry.has_recipe
        shown = cut_middle(plain(NAME.text(entry)), name)
        row.put(LEFT, shown, self.row_style("foreground" if here else "muted", current=current))
        x = LEFT + name + gap
        for column in columns:
            text = plain(column.text(entry))
            style = self.row_style(_colour(column, entry), current=current)
            row.put_cut(x, text.rjust(column.width) if column.right else text, style, x + column.width)
            x += column.width + gap
        return row


def _columns(width: int) -> list[Column]:
    return [column for column in COLUMNS if width >= column.needs]


def _colour(column: Column, entry: Entry) -> str:
    if column.name == "here":
        return "state-finished" if entry.has_model or entry.has_recipe else "muted"
    return "muted" if column.name in ("task", "data", "source") else "foreground"
