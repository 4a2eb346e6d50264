"""Every key of every screen, what the states mean, the settings, and what is wrong with themes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import Screen
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


def screens_of(screen: Screen[object]) -> list[str]:
    """The parts of the table of actions whose keys do something on a screen now: its own first, the app's last."""
    found: dict[str, int] = {}
    for node, binding, _, _ in screen.active_bindings.values():
        part = (binding.id or "").partition(".")[0]
        if part in SCREEN_TITLES:
            rank = 2 if part == "app" else 0 if node is screen else 1
            found[part] = min(found.get(part, rank), rank)
    return sorted(found, key=found.__getitem__)


class HelpScreen(BaseScreen[None]):
    """One page to scroll, made from the table of actions; it begins with the keys of the screen it is opened from."""

    CSS_PATH = "help.tcss"
    BINDINGS = bindings_of("help")

    def __init__(self, first: Sequence[str] = ()) -> None:
        """`first` are parts of the table of actions."""
        super().__init__()
        self._parts = tuple(dict.fromkeys((*first, *SCREEN_TITLES)))

    def compose(self) -> ComposeResult:
        yield TitleBar("Help")
        with VerticalScroll(id="page"):
            yield Static(self._page(), id="text")
        yield KeyBar()

    def action_back(self) -> None:
        self.dismiss()

    def _page(self) -> Text:
        page = Text()
        for screen in self._parts:
            _section(
                page, SCREEN_TITLES[screen], [(action.shown_key, action.description) for action in actions_of(screen)]
            )
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
