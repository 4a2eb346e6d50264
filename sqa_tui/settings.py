"""The user's settings: one declared model, read from `settings.toml` in the home folder of the app."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import tomli
from msgspec import Meta

from engine.errors import UserError
from sqa_tui.paths import settings_file


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting with its default; the descriptions are its documentation."""

    theme: Annotated[str, Meta(description="Name of the colour theme; F2 in the app shows them all.")] = "sqa-dark"
    poll_seconds: Annotated[
        float, Meta(ge=0.2, le=60, description="How often the list of runs is read again, in seconds.")
    ] = 1.0
    confirm_stop: Annotated[bool, Meta(description="Ask before a run is stopped.")] = True
    answers: Annotated[int, Meta(ge=1, le=20, description="How many candidate answers the Ask screen shows.")] = 5


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings; a missing file means the defaults.

    Raises:
        UserError: the file cannot be read or is not TOML, or a key is unknown or has a wrong value; the message names
            file and key.
    """
    path = path or settings_file()
    try:
        table = tomli.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror or error}", "check SQA_HOME and its permissions"
        ) from error
    except (UnicodeDecodeError, tomli.TOMLDecodeError) as error:
        raise UserError(f"{path}: cannot be read as TOML: {error}", "mend it or move it away") from error
    return _checked(table, path)


def _checked(table: dict[str, Any], path: Path) -> Settings:
    known = [field.name for field in msgspec.structs.fields(Settings)]
    unknown = [key for key in table if key not in known]
    if unknown:
        raise UserError(f"{path}: unknown key `{unknown[0]}`", f"known keys: {', '.join(known)}")
    try:
        return msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: {_with_key(str(error))}", "mend the value or remove the line") from error


def _with_key(message: str) -> str:
    """`Expected `bool`, got `int` - at `$.confirm_stop`` with the key in front."""
    what, _, where = message.partition(" - at `$.")
    return f"{where.rstrip('`')}: {what}" if where else what


def describe_settings() -> list[tuple[str, str, str]]:
    """Name, default and meaning of every setting, for help and docs."""
    return [_described(field) for field in msgspec.structs.fields(Settings)]


def _described(field: msgspec.structs.FieldInfo) -> tuple[str, str, str]:
    metadata = getattr(field.type, "__metadata__", ())
    meaning = next((entry.description for entry in metadata if isinstance(entry, Meta)), "") or ""
    default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    return field.name, default, meaning
