"""What can be a name at all: lengths that a file system takes, and names of the hub."""

from __future__ import annotations

import os
import re

from engine.errors import UserError, plain

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_LONGEST = 4000
_LONGEST_PART = 255
_SHOWN = 60


def is_hub_name(text: str) -> bool:
    """Whether `text` looks like the id of a repository on the hub: ``name`` or ``organisation/name``."""
    return _HUB_NAME.fullmatch(text) is not None


def check_length(text: str) -> None:
    """Refuse what no file system has a place for.

    Raises:
        UserError: `text` or a part of it between slashes is too long.
    """
    longest = max(len(os.fsencode(part)) for part in text.split("/"))
    if longest > _LONGEST_PART or len(os.fsencode(text)) > _LONGEST:
        raise UserError(f"no name is as long as {plain(text, _SHOWN)}", "name a stub, a folder or a hub repository")
