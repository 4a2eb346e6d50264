"""What a download leaves in its folder: where it came from and which files make it complete."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.zoo.source import Part, ZooFile
from engine.zoo.texts import read_regular

NAME = ".sqa-zoo.json"
_LIMIT = 1 << 24


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """Written last, into a folder that is not in its place yet."""

    name: str
    source: str
    fetched: float
    parts: tuple[Part, ...]
    files: tuple[ZooFile, ...]
    revision: str | None = None
    version: int = 1


def read_marker(folder: Path) -> Marker | None:
    """The marker of a download, None for a folder that is none."""
    try:
        return msgspec.json.decode(read_regular(folder / NAME, _LIMIT), type=Marker)
    except (OSError, msgspec.DecodeError):
        return None


def write_marker(folder: Path, marker: Marker) -> None:
    """Mark `folder` as a download."""
    (folder / NAME).write_bytes(msgspec.json.format(msgspec.json.encode(marker), indent=1))


def is_whole(folder: Path) -> bool:
    """False for a download that lost or broke a file; a folder that is no download is taken as it is."""
    marker = read_marker(folder)
    if marker is None:
        return not (folder / NAME).exists()
    return all(_size(folder / file.path) == file.size for file in marker.files)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
