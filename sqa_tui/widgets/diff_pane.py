"""A pane that repaints changed cells only."""

from __future__ import annotations

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from sqa_tui.widgets.cells import PLAIN, CellRow
from sqa_tui.widgets.palette import Palette, app_of


class DiffPane(Widget):
    """Lines of cells made by `draw`. Textual repaints whole widgets; over a slow line that costs ten times the bytes.

    After a change of what it shows a subclass calls `redraw`, which compares old and new rows and refreshes
    the changed span of each.
    """

    DEFAULT_CSS = "DiffPane { height: 1; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._rows: list[CellRow] = []
        self._strips: list[Strip] = []
        self._palette: Palette | None = None

    def draw(self, width: int, height: int) -> list[CellRow]:
        """Rows for the whole pane; missing ones are blank."""
        raise NotImplementedError

    @property
    def palette(self) -> Palette:
        """Styles of the current theme."""
        if self._palette is None:
            self._palette = Palette.of(app_of(self))
        return self._palette

    def on_mount(self) -> None:
        app_of(self).theme_changed_signal.subscribe(self, self._retheme)

    def _retheme(self, _theme: object) -> None:
        self._palette = None
        self.redraw()

    def redraw(self) -> None:
        """Draw again and refresh what differs; a pane without a size is drawn when it gets one."""
        size = self.size
        if not self.is_mounted:
            return
        if not size:
            # Hidden. Shown again in the same size it is not asked to draw: what it was must not be kept.
            self._rows = []
            self.refresh()
            return
        regions = self._take(self._drawn(size), size)
        if regions is None:
            self.refresh()
        elif regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        if not self._rows or (self._rows[0].width, len(self._rows)) != (self.size.width, self.size.height):
            self._take(self._drawn(self.size), self.size)
        strip = self._strips[y] if y < len(self._strips) else CellRow(self.size.width).strip()
        return strip.apply_style(self.rich_style)

    def _drawn(self, size: Size) -> list[CellRow]:
        rows = self.draw(size.width, size.height)[: size.height]
        return rows + [CellRow(size.width, PLAIN) for _ in range(size.height - len(rows))]

    def _take(self, rows: list[CellRow], size: Size) -> list[Region] | None:
        """Keep `rows`; returns the regions that changed, or None where nothing can be compared."""
        before, self._rows = self._rows, rows
        if len(before) != len(rows) or not before or before[0].width != size.width:
            self._strips = [row.strip() for row in rows]
            return None
        regions: list[Region] = []
        for y, (row, old) in enumerate(zip(rows, before, strict=True)):
            span = row.changed(old)
            if span:
                self._strips[y] = row.strip()
                regions.append(Region(span[0], y, span[1] - span[0], 1))
        return regions
