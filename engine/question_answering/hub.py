"""What can be said of a model named by its id on the Hugging Face hub, without the network."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import plain
from engine.question_answering.problem import Problem, Subject

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_TRUE = frozenset(("1", "on", "yes", "true"))


def check_hub_name(subject: Subject, name: str, cache_dir: str | None = None) -> Problem:
    """Whether the hub's cache has `name`, whether it may be fetched, and whether a local folder was perhaps meant."""
    if is_cached(name, cache_dir):
        return Problem("ok", subject, f"{plain(name)}: from the cache of the Hugging Face hub")
    if offline := next((item for item in _OFFLINE if os.environ.get(item, "").lower() in _TRUE), None):
        message = f"no folder ./{plain(name)}, and the cache of the Hugging Face hub has no such model"
        return Problem("error", subject, message, f"name a folder, or unset {offline} to fetch it")
    if "/" not in name or Path(name).parent.is_dir():
        message = f"no folder ./{plain(name)}; taken as a hub id"
        return Problem("warning", subject, message, "name the folder if a local model is meant")
    return Problem("ok", subject, f"{plain(name)}: from the Hugging Face hub")


def is_cached(name: str, cache_dir: str | None = None) -> bool:
    """Whether something of the repository `name` lies in the cache."""
    snapshots = _cache(cache_dir) / f"models--{name.replace('/', '--')}" / "snapshots"
    return snapshots.is_dir() and any(snapshots.iterdir())


def _cache(cache_dir: str | None) -> Path:
    if written := cache_dir or os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(written).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(os.environ.get("HF_HOME") or base / "huggingface")
    return home.expanduser() / "hub"
