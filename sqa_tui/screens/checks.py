"""Every finding before a start, on the whole screen, to scroll."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from sqa_tui.actions import bindings_of
from sqa_tui.launching import Check
from sqa_tui.screens.base import BaseScreen
from sqa_tui.widgets.checks_pane import ChecksPane
from sqa_tui.widgets.key_bar import KeyBar
from sqa_tui.widgets.lines import TitleBar


class ChecksScreen(BaseScreen[None]):
    """The findings in their order: errors first."""

    CSS = "ChecksScreen #page { padding: 0 2; } ChecksScreen #all { height: auto; }"
    BINDINGS = bindings_of("checks")
    AUTO_FOCUS = "#page"

    def __init__(self, found: Sequence[Check]) -> None:
        super().__init__()
        self._found = tuple(found)

    def compose(self) -> ComposeResult:
        yield TitleBar("Checks")
        with VerticalScroll(id="page"):
            pane = ChecksPane(id="all")
            pane.show(self._found)
            yield pane
        yield KeyBar()

    def action_back(self) -> None:
        self.dismiss()
