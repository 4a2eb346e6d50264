"""Every key of every screen, what the states mean, the settings, and what is wrong with themes."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from engine.errors import plain
from sqa_tui.actions import SCREEN_TITLES, actions_of, bindings_of
from sqa_tui.paths import settings_file, user_themes
from sqa_tui.screens.base import BaseScreen
from sqa_tui.settings import describe_settings
from sqa_tui.states import GLYPHS
from sqa_tui.widgets.key_bar import KeyBar
from sqa_tui.widgets.lines import TitleBar

KEY_WIDTH = 14
"""Cells of the column of keys and names."""


class HelpScreen(BaseScreen[None]):
    """One page to scroll, made from the table of actions."""

    CSS_PATH = "help.tcss"
    BINDINGS = bindings_of("help")

    def compose(self) -> ComposeResult:
        yield TitleBar("Help")
        with VerticalScroll(id="page"):
            yield Static(self._page(), id="text")
        yield KeyBar()

    def action_back(self) -> None:
        self.dismiss()

    def _page(self) -> Text:
        page = Text()
        for screen, title in SCREEN_TITLES.items():
            _section(page, title, [(action.shown_key, action.description) for action in actions_of(screen)])
        _section(page, "States", [(f"{glyph} {state}", _MEANINGS[state]) for state, glyph in GLYPHS.items()])
        settings = [(name, f"{meaning} Default: {default}") for name, default, meaning in describe_settings()]
        _section(page, f"Settings ({plain(str(settings_file()))})", settings)
        _section(page, f"Themes (own ones in {plain(str(user_themes()))})", self._themes())
        return page

    def _themes(self) -> list[tuple[str, str]]:
        app = self.app
        broken = [(plain(failure.path.name), plain(failure.reason)) for failure in app.loaded_themes.failures]
        return [("F2", f"{len(app.available_themes)} themes"), *[(f"✗ {name}", reason) for name, reason in broken]]


_MEANINGS = {
    "queued": "waits for its turn on the device",
    "starting": "the engine loads model and data",
    "running": "training; the engine's lock is held",
    "evaluating": "answers the validation data",
    "exporting": "writes the ONNX model",
    "paused": "waits until it may go on",
    "stalled": "alive, but the promised next event did not come",
    "finished": "reached its end",
    "stopped": "was stopped at a checkpoint",
    "failed": "ended with an error that it reported",
    "killed": "ended without a word: no exit event, lock free",
    "unknown": "runs on another machine, or left no evidence",
}


def _section(page: Text, title: str, lines: list[tuple[str, str]]) -> None:
    page.append(f"{title}\n", style="bold")
    for name, meaning in lines:
        page.append(f"  {name:<{KEY_WIDTH}} ", style="bold")
        page.append(f"{meaning}\n")
    page.append("\n")
