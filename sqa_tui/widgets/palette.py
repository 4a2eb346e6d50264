"""Theme variables as Rich styles, for panes that draw their own cells."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.message_pump import MessagePump

from sqa_tui.themes import ANSI_VARIABLES, variable_defaults


class Palette:
    """Styles of the theme in use; made anew when the theme changes."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables
        self._styles: dict[tuple[str, str, float, bool], Style] = {}

    @classmethod
    def of(cls, app: App[object]) -> Palette:
        """The colours of the theme `app` shows."""
        return cls({**variable_defaults(app.current_theme), **app.theme_variables})

    @classmethod
    def of_terminal(cls) -> Palette:
        """The colours a terminal has by itself, for output outside the app."""
        return cls({**ANSI_VARIABLES, "foreground": "ansi_default", "background": "ansi_default", "error": "ansi_red"})

    def style(self, foreground: str = "", *, tint: str = "", strength: float = 0.0, bold: bool = False) -> Style:
        """A style from names of theme variables.

        `tint` is mixed into the background by `strength` (0…1). A terminal's own palette (ansi themes) cannot be
        mixed, so there a tint is left out.
        """
        key = (foreground, tint, strength, bold)
        if key not in self._styles:
            self._styles[key] = Style(
                color=self._colour(foreground).rich_color if foreground else None,
                bgcolor=self._tinted(tint, strength).rich_color if self._mixes(tint) else None,
                bold=bold or None,
            )
        return self._styles[key]

    def _colour(self, name: str) -> Color:
        return _parse(self._variables.get(name, name))

    def _mixes(self, tint: str) -> bool:
        return bool(tint) and self._colour(tint).ansi is None and self._colour("background").ansi is None

    def _tinted(self, tint: str, strength: float) -> Color:
        return self._colour("background").blend(self._colour(tint), strength, alpha=1.0)


@lru_cache(maxsize=256)
def _parse(text: str) -> Color:
    return Color.parse(text)


def app_of(node: MessagePump) -> App[object]:
    """The app of a widget or screen, whatever it returns at its end."""
    return cast("App[object]", node.app)  # pyright: ignore[reportUnknownMemberType]
