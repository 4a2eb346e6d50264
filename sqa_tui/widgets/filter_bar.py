"""One line of fields, each with a value that is chosen among a few by the arrow keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.message import Message

from engine.errors import plain
from sqa_tui.actions import bindings_of
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane

ANY = "–"
"""What a field shows that asks for nothing."""
GAP = 1


@dataclass(frozen=True)
class Field:
    """One field: its label, and the values it may take besides none."""

    name: str
    label: str
    values: tuple[str, ...]


class FilterBar(DiffPane, can_focus=True):
    """Left and right go to another field, up and down to another value of it."""

    BINDINGS = bindings_of("fields")

    class Changed(Message):
        """A field has another value."""

    class Left(Message):
        """The user is done with the fields."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.fields: tuple[Field, ...] = ()
        self.chosen: dict[str, str] = {}
        self._current = 0

    def show(self, fields: Sequence[Field]) -> None:
        """Replace the fields and what they offer; values that were chosen stay."""
        if self.fields != tuple(fields):
            self.fields = tuple(fields)
            self._current = min(self._current, max(len(self.fields) - 1, 0))
            self.redraw()

    def choose(self, values: Mapping[str, str]) -> None:
        """Set the fields to these values, all others to none."""
        self.chosen = {name: value for name, value in values.items() if value}
        self.redraw()
        self.post_message(self.Changed())

    @property
    def current(self) -> Field | None:
        """The field that keys change."""
        return self.fields[self._current] if self.fields else None

    def action_left(self) -> None:
        self._go(-1)

    def action_right(self) -> None:
        self._go(1)

    def _go(self, distance: int) -> None:
        self._current = (self._current + distance) % max(len(self.fields), 1)
        self.redraw()

    def action_next(self) -> None:
        self._turn(1)

    def action_previous(self) -> None:
        self._turn(-1)

    def _turn(self, distance: int) -> None:
        field = self.current
        if field is not None:
            offered = ("", *field.values)
            before = self.chosen.get(field.name, "")
            place = offered.index(before) if before in offered else 0
            self.choose({**self.chosen, field.name: offered[(place + distance) % len(offered)]})

    def action_reset(self) -> None:
        if self.current is not None:
            self.choose({**self.chosen, self.current.name: ""})

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        x = 0
        for place, field in list(enumerate(self.fields))[self._first(self.size.width) :]:
            end = x + self._width(field)
            if x <= event.x < end:
                self._current = place
                self._turn(1)
            x = end + GAP

    def _width(self, field: Field) -> int:
        return cell_len(f"{field.label} {self._value(field)} ")

    def _value(self, field: Field) -> str:
        return plain(self.chosen.get(field.name) or ANY)

    def _first(self, width: int) -> int:
        """The first field that is shown, so that the current one is."""
        first = 0
        while first < self._current:
            shown = self.fields[first : self._current + 1]
            if sum(self._width(field) + GAP for field in shown) - GAP <= width:
                break
            first += 1
        return first

    def draw(self, width: int, height: int) -> list[CellRow]:
        row, x = CellRow(width, self.palette.style("muted")), 0
        for place, field in list(enumerate(self.fields))[self._first(width) :]:
            if x + self._width(field) > width:
                row.put(min(x, width - 1), "…", self.palette.style("muted"))
                break
            current = self.has_focus and place == self._current
            value = self.chosen.get(field.name)
            strength = 0.28 if current else 0.0
            label = self.palette.style("muted", tint="primary", strength=strength, bold=current)
            colour = "primary" if current else "mark" if value else "muted"
            shown = self.palette.style(colour, tint="primary", strength=strength, bold=bool(value) or current)
            x = row.put(x, f"{field.label}{'‹' if current else ' '}", label)
            x = row.put_cut(x, self._value(field), shown)
            x = row.put(x, "›" if current else " ", label) + GAP
        return [row]
