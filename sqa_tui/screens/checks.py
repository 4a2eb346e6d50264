"""Every finding before a start, on the whole screen, to scroll."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Footer

from sqa_tui.actions import bindings_of
from sqa_tui.launching import Check
from sqa_tui.screens.base import BaseScreen
from sqa_tui.widgets.checks_pane import ChecksPane
from sqa_tui.widgets.lines import TitleBar


class ChecksScreen(BaseScreen[None]):
    """The findings in their order: errors first."""

    CSS = "ChecksScreen #page { padding: 0 2; }"
    BINDINGS = bindings_of("checks")
    AUTO_FOCUS = "#page"

    def __init__(self, found: Sequence[Check]) -> None:
        super().__init__()
        self._found = tuple(found)

    def compose(self) -> ComposeResult:
        yield TitleBar("Checks")
        with VerticalScroll(id="page"):
            yield ChecksPane(id="all")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(ChecksPane).show(self._found)

    def on_resize(self) -> None:
        self.call_after_refresh(self._make_room)

    def _make_room(self) -> None:
        pane = self.query_one(ChecksPane)
        pane.styles.height = pane.lines_needed
        self.call_after_refresh(pane.redraw)

    def action_back(self) -> None:
        self.dismiss()
