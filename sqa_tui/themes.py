"""Colour themes: TOML files read into Textual themes, with every failure named instead of raised."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import tomli
from textual.color import Color, ColorParseError
from textual.theme import Theme

STATES = (
    "queued", "starting", "running", "evaluating", "exporting", "paused",
    "stalled", "finished", "stopped", "failed", "killed", "unknown",
)  # fmt: skip
"""The states a run can be in."""

DEFAULT_VARIABLES = {
    "chart-1": "#6cb6ff", "chart-2": "#f2a65a", "chart-3": "#7ccf8f", "chart-4": "#c792ea",
    "chart-5": "#f07178", "chart-6": "#4fd1c5", "chart-axis": "#7a8494", "chart-grid": "#3b4350",
    "phase-dense": "#3a4452", "phase-prune": "#2f5d8a", "phase-qat": "#6b4b8a", "phase-distil": "#2f6b5a",
    "state-queued": "#8b95a5", "state-starting": "#6cb6ff", "state-running": "#6cb6ff", "state-evaluating": "#4fd1c5",
    "state-exporting": "#4fd1c5", "state-paused": "#e6c35c", "state-stalled": "#f2a65a", "state-finished": "#7ccf8f",
    "state-stopped": "#b3a07a", "state-failed": "#f07178", "state-killed": "#f07178", "state-unknown": "#8b95a5",
    "muted": "#8b95a5", "emphasis": "#ffffff", "mark": "#e6c35c",
}  # fmt: skip
"""What the screens colour with, beyond Textual's own variables; a theme may set any of them."""

ANSI_VARIABLES = {
    "chart-1": "ansi_blue", "chart-2": "ansi_yellow", "chart-3": "ansi_green", "chart-4": "ansi_magenta",
    "chart-5": "ansi_red", "chart-6": "ansi_cyan", "chart-axis": "ansi_bright_black", "chart-grid": "ansi_bright_black",
    "phase-dense": "ansi_bright_black", "phase-prune": "ansi_blue", "phase-qat": "ansi_magenta",
    "phase-distil": "ansi_green",
    "state-queued": "ansi_bright_black", "state-starting": "ansi_blue", "state-running": "ansi_blue",
    "state-evaluating": "ansi_cyan", "state-exporting": "ansi_cyan", "state-paused": "ansi_yellow",
    "state-stalled": "ansi_yellow", "state-finished": "ansi_green", "state-stopped": "ansi_yellow",
    "state-failed": "ansi_red", "state-killed": "ansi_red", "state-unknown": "ansi_bright_black",
    "muted": "ansi_bright_black", "emphasis": "ansi_default", "mark": "ansi_yellow",
}  # fmt: skip
"""The same variables in the terminal's own palette, for Textual's ansi themes."""


class ThemeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One theme file: Textual's theme colours at the top level, the app's own under `[variables]`."""

    name: str
    primary: str
    description: str = ""
    dark: bool = True
    secondary: str | None = None
    accent: str | None = None
    warning: str | None = None
    error: str | None = None
    success: str | None = None
    foreground: str | None = None
    background: str | None = None
    surface: str | None = None
    panel: str | None = None
    boost: str | None = None
    luminosity_spread: float = 0.15
    text_alpha: float = 0.95
    variables: dict[str, str] = {}

    def colours(self) -> dict[str, str]:
        """Every colour of the file by its key."""
        names = ("primary", "secondary", "accent", "warning", "error", "success",
                 "foreground", "background", "surface", "panel", "boost")  # fmt: skip
        values = {name: getattr(self, name) for name in names}
        own = {f"variables.{name}": value for name, value in self.variables.items() if name in DEFAULT_VARIABLES}
        return {name: value for name, value in values.items() if value is not None} | own

    def to_theme(self) -> Theme:
        fields = msgspec.structs.asdict(self)
        del fields["description"]
        return Theme(**fields)


@dataclass(frozen=True)
class ThemeFailure:
    """A theme file that could not be used."""

    path: Path
    reason: str


@dataclass(frozen=True)
class LoadedThemes:
    """What a search for themes found."""

    themes: dict[str, Theme] = field(default_factory=dict[str, Theme])
    failures: tuple[ThemeFailure, ...] = ()


def load_themes(folders: Iterable[Path]) -> LoadedThemes:
    """Read every `*.toml` of the folders; a later theme of the same name wins, a broken one is listed."""
    themes: dict[str, Theme] = {}
    failures: list[ThemeFailure] = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.toml"))):
        try:
            theme = read_theme(path)
        except (OSError, ValueError) as error:
            failures.append(ThemeFailure(path, " ".join(str(error).split())))
        else:
            themes[theme.name] = theme
    return LoadedThemes(themes, tuple(failures))


def read_theme(path: Path) -> Theme:
    """Read one theme file.

    Raises:
        ValueError: not TOML, an unknown key, a missing key or something that is no colour.
    """
    content = msgspec.convert(tomli.loads(path.read_text(encoding="utf-8")), ThemeFile)
    for name, value in content.colours().items():
        try:
            Color.parse(value)
        except ColorParseError as error:
            raise ValueError(f"{name}: {value!r} is no colour") from error
    return content.to_theme()


def variable_defaults(theme: Theme | None) -> dict[str, str]:
    """The app's variables for a theme that does not set them."""
    return dict(ANSI_VARIABLES if theme is not None and theme.ansi else DEFAULT_VARIABLES)
