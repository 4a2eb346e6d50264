"""Where the app keeps its own files, and where its shipped themes lie."""

from __future__ import annotations

from pathlib import Path

from engine.runs.paths import home

PACKAGE = Path(__file__).parent


def settings_file() -> Path:
    """The user's settings; it need not exist."""
    return home() / "settings.toml"


def shipped_themes() -> Path:
    """The themes that come with the project: inside the package when installed, beside it in a checkout."""
    installed = PACKAGE / "themes"
    return installed if installed.is_dir() else PACKAGE.parent / "themes"


def user_themes() -> Path:
    """The user's own themes; it need not exist."""
    return home() / "themes"
