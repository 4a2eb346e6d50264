"""How the processes of a run tell the one that started them what came of it: the first word counts."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import Any

import msgspec

from engine.runs.files import write_atomically
from engine.runs.paths import RunDirectory


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the exit event."""

    outcome: str
    reason: str = ""
    error: dict[str, Any] | None = None


def write_outcome(directory: RunDirectory, outcome: Outcome) -> None:
    """Leave `outcome`, unless somebody did before."""
    file = directory.outcome_file
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        write_atomically(draft, msgspec.json.encode(outcome), durable=True)
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def read_outcome(directory: RunDirectory) -> Outcome | None:
    """What was left; None where nothing was."""
    try:
        return msgspec.json.decode(directory.outcome_file.read_bytes(), type=Outcome)
    except (OSError, msgspec.DecodeError):
        return None
