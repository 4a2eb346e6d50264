"""One card of the zoo on the whole screen."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from engine.errors import plain
from sqa_tui.actions import bindings_of
from sqa_tui.screens.base import BaseScreen
from sqa_tui.widgets.card_pane import CardLine, CardPane
from sqa_tui.widgets.key_bar import KeyBar
from sqa_tui.widgets.lines import TitleBar


class ZooCardScreen(BaseScreen[None]):
    """A page to scroll: facts, files, the text of recipes, and the documents that the facts are from."""

    CSS = "ZooCardScreen CardPane { height: 1fr; }"
    BINDINGS = bindings_of("card")
    AUTO_FOCUS = "#page"

    def __init__(self, name: str, lines: Sequence[CardLine]) -> None:
        super().__init__()
        self._name, self._lines = name, tuple(lines)

    def compose(self) -> ComposeResult:
        yield TitleBar("Zoo card")
        yield CardPane("card", id="page")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(CardPane).show(self._lines)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._name)
        self.notify(f"{plain(self._name)} is on the clipboard of your terminal", markup=False)

    def action_back(self) -> None:
        self.dismiss()
