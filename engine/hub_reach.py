"""Asking first whether the Hugging Face hub answers: where it does not, its libraries would try for half a minute."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PATIENCE = 4.0
"""Seconds for a connection, and for an answer."""
_CLIENTS = ("httpx", "httpx2")


@contextmanager
def quick_where_unreachable(*names: str | None) -> Generator[bool]:
    """Let the hub's libraries look into their caches alone within the block, where the hub does not answer now.

    Gives whether it was left as it is.

    `names`: of what the block loads; where all of them are local, or there are none, nobody is asked. huggingface_hub
    and transformers read their switch at each call; `datasets`, if it is imported, has one of its own.
    """
    if all(not name or Path(name).expanduser().exists() for name in names):
        yield True
        return
    import huggingface_hub

    switches: list[Any] = [huggingface_hub.constants, *filter(None, [_settings_of_datasets()])]
    before = [switch.HF_HUB_OFFLINE for switch in switches]
    silent = not any(before) and not hub_answers()
    try:
        if silent:
            for switch in switches:
                switch.HF_HUB_OFFLINE = True
        yield not silent
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.HF_HUB_OFFLINE = value


def _settings_of_datasets() -> Any:
    module = sys.modules.get("datasets")
    return None if module is None else getattr(module, "config", None)


def hub_answers() -> bool:
    """Whether the hub, or what `HF_ENDPOINT` names, answers anything now."""
    import huggingface_hub

    try:
        huggingface_hub.get_session().head(huggingface_hub.constants.ENDPOINT, timeout=_PATIENCE)
    except Exception as error:
        # Errors of the system, and of the library's HTTP client, whose name changes.
        if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in _CLIENTS:
            raise
        return False
    return True
