"""Folders of derived data that later runs may use again: named by a hash of what they were made from."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from engine.runs.paths import home

MOST_BYTES = 20 * 1024**3
"""What all folders of one kind may take together; the ones longest unused go first."""


def cache_root(kind: str) -> Path:
    """Where folders of a kind (``windows``, ``teachers``) are kept; may be deleted at any time."""
    return home() / "cache" / kind


def digest(parts: Iterable[bytes | memoryview]) -> str:
    """Hash of `parts` in their order; where one ends and the next begins counts."""
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.hexdigest()


def touch(folder: Path) -> None:
    """Note that `folder` is in use."""
    os.utime(folder)


def forget_oldest(kind: str, keep: Path, most_bytes: int = MOST_BYTES) -> None:
    """Delete folders of `kind` that were not used for longest until the rest fits; `keep` stays."""
    folders = sorted(cache_root(kind).iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    taken = 0
    for folder in folders:
        taken += sum(file.stat().st_blocks * 512 for file in folder.iterdir() if file.is_file())
        if taken > most_bytes and folder != keep:
            shutil.rmtree(folder, ignore_errors=True)
