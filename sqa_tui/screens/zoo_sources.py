"""Every source of the zoo: whether it can be used, and why not."""

from __future__ import annotations

from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult

from engine.errors import plain
from sqa_tui.actions import bindings_of
from sqa_tui.screens.base import BaseScreen
from sqa_tui.source_states import ask_sources
from sqa_tui.widgets.card_pane import CardLine, CardPane
from sqa_tui.widgets.key_bar import KeyBar
from sqa_tui.widgets.lines import Piece, TitleBar
from sqa_tui.zoo_words import SIGNS, SourceState


class ZooSourcesScreen(BaseScreen[None]):
    """What is known of each source at once; on request each is asked, which uses the network."""

    CSS = "ZooSourcesScreen CardPane { height: 1fr; }"
    BINDINGS = bindings_of("sources")
    AUTO_FOCUS = "#page"

    def __init__(self, states: Sequence[SourceState]) -> None:
        super().__init__()
        self._states = tuple(states)

    def compose(self) -> ComposeResult:
        yield TitleBar("Zoo sources")
        yield CardPane("sources", id="page")
        yield KeyBar()

    def on_mount(self) -> None:
        self._show("as they last answered" if self.app.answered else "as far as is known without asking")

    def _show(self, note: str) -> None:
        self.query_one(TitleBar).show((Piece(note, "muted"),))
        self.query_one(CardPane).show([line for state in self._states for line in _lines(state)])

    @work(exit_on_error=False, exclusive=True, group="ask")
    async def action_ask(self) -> None:
        self.query_one(TitleBar).show((Piece("asking …", "muted"),))
        self._states = await ask_sources(self.app.answered)
        self._show("as they answered")

    def action_back(self) -> None:
        self.dismiss()


def _lines(state: SourceState) -> list[CardLine]:
    name, title, found = state
    sign, colour = SIGNS[found.word]
    return [
        CardLine(f"{found.word}: {title}", colour, f"{sign} {name}", bold=True),
        CardLine(plain(found.reason), label=" "),
        CardLine(),
    ]
