"""Lines of text that are followed at their end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType

from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.framed_pane import FramedPane


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line, with the theme variable of its colour and words in front of it that stay dim."""

    text: str
    colour: str = "foreground"
    prefix: str = ""


class TextPane(FramedPane):
    """The newest lines at the bottom; scrolled back it stays where it is until End."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "back(1)", "Back", show=False),
        Binding("down", "back(-1)", "Forward", show=False),
        Binding("pageup", "page(1)", "A page back", show=False),
        Binding("pagedown", "page(-1)", "A page forward", show=False),
        Binding("home", "oldest", "Oldest", show=False),
        Binding("end", "newest", "Newest", show=False),
    ]

    def __init__(self, title: str, *, empty: str = "nothing yet", id: str | None = None) -> None:  # noqa: A002
        super().__init__(title, id=id)
        self._empty = empty
        self._lines: tuple[TextLine, ...] = ()
        self._filter = ""
        self._back = 0

    def show(self, lines: tuple[TextLine, ...]) -> None:
        """Show `lines`, oldest first."""
        if self._back:
            # Scrolled back: the lines under the eye stay, as long as they are kept.
            self._back += max(len(lines) - len(self._lines), 0)
        self._lines = lines
        self.redraw()

    def keep_only(self, words: str) -> None:
        """Show only lines that hold `words`; none for all lines."""
        self._filter, self._back = words, 0
        self.redraw()

    @property
    def shown(self) -> list[TextLine]:
        """The lines that pass the filter."""
        words = self._filter.casefold()
        return [line for line in self._lines if words in line.text.casefold()] if words else list(self._lines)

    def note(self) -> str:
        held = f"{self._back} lines below" if self._back else ""
        kept = f"only with “{self._filter}”" if self._filter else ""
        return " · ".join(part for part in (kept, held) if part)

    def body(self, width: int, height: int) -> list[CellRow]:
        lines = self.shown
        if not lines:
            row = CellRow(width)
            row.put(0, self._empty if not self._filter else "no line holds these words", self._dim())
            return [row]
        end = max(len(lines) - self._back, min(height, len(lines)))
        return [self._row(line, width) for line in lines[max(end - height, 0) : end]]

    def action_back(self, lines: int) -> None:
        """Scroll back by some lines."""
        most = max(len(self.shown) - self.room, 0)
        self._back = min(max(self._back + lines, 0), most)
        self.redraw()

    def action_page(self, pages: int) -> None:
        """Scroll back by pages."""
        self.action_back(pages * max(self.room - 1, 1))

    def action_oldest(self) -> None:
        """Scroll to the oldest line that is kept."""
        self.action_back(len(self._lines))

    def action_newest(self) -> None:
        """Follow the newest line again."""
        self.action_back(-len(self._lines) - self._back)

    def _row(self, line: TextLine, width: int) -> CellRow:
        row = CellRow(width)
        x = row.put(0, line.prefix, self._dim()) if line.prefix else 0
        row.put_cut(x, line.text, self.palette.style(line.colour))
        return row

    def _dim(self) -> Style:
        return self.palette.style("muted")
