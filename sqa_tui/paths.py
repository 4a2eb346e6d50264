"""Where the app keeps its own files, and where its shipped themes lie."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import plain
from engine.runs.paths import home, make_private

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


def user_recipes() -> Path:
    """The user's own recipes; it need not exist."""
    return home() / "recipes"


def home_problem() -> str:
    """Why nothing can be kept in the home folder, which is made where it is missing; empty where all is well."""
    try:
        make_private(home())
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        reason = "" if os.access(home(), os.W_OK | os.X_OK) else "no permission to write"
    return (
        f"nothing can be kept in {plain(str(home()))}: {plain(reason)}; set SQA_HOME to another folder"
        if reason
        else ""
    )
