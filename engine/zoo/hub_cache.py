"""The cache of the Hugging Face hub on this machine: where it is, and which models lie in it. No network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from engine.zoo.folder import has_model
from engine.zoo.texts import read_regular

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_TRUE = frozenset(("1", "on", "yes", "true"))
_PREFIX = "models--"
_REVISION_LIMIT = 1 << 10


def offline_variable() -> str | None:
    """The variable that forbids the network, None where none does."""
    return next((name for name in _OFFLINE if os.environ.get(name, "").lower() in _TRUE), None)


def cache_root(cache_dir: str | None = None) -> Path:
    """The cache's folder: `cache_dir`, or what the hub's own variables say."""
    if written := cache_dir or os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(written).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(os.environ.get("HF_HOME") or base / "huggingface")
    return home.expanduser() / "hub"


def snapshots(name: str, cache_dir: str | None = None) -> list[Path]:
    """What the cache has of a model, the revision called main first; a snapshot may be incomplete."""
    folder = cache_root(cache_dir) / f"{_PREFIX}{name.replace('/', '--')}"
    try:
        found = sorted(path for path in (folder / "snapshots").iterdir() if path.is_dir())
    except OSError:
        return []
    main = _text(folder / "refs" / "main")
    return sorted(found, key=lambda path: path.name != main)


def cached_model(name: str, cache_dir: str | None = None) -> Path | None:
    """The newest snapshot of a model that has configuration and weights; None where there is none."""
    return next((path for path in snapshots(name, cache_dir) if has_model(path)), None)


def cached_names() -> Iterator[str]:
    """Names of the models that the cache has something of."""
    try:
        folders = sorted(path.name for path in cache_root().iterdir() if path.name.startswith(_PREFIX))
    except OSError:
        return
    yield from (name.removeprefix(_PREFIX).replace("--", "/", 1) for name in folders)


def _text(path: Path) -> str:
    try:
        return read_regular(path, _REVISION_LIMIT).decode(errors="replace").strip()
    except OSError:
        return ""
