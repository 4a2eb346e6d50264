"""Folders on this machine that hold models and recipes."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import UserError, plain
from engine.runs.paths import home
from engine.zoo.entry import Entry
from engine.zoo.folder import looks_like_zoo_folder
from engine.zoo.marker import is_whole
from engine.zoo.scan import HUB_FOLDER, entry_at, scan
from engine.zoo.source import FixedSource, State
from engine.zoo.stubs import is_stub, parse_stub

ROOTS_VARIABLE = "SQA_ZOO_ROOTS"


def own_root() -> Path:
    """The root of downloads and of the models that demo runs publish."""
    return home() / "zoo"


def roots() -> list[Path]:
    """Every root to look under: our own, then those of ``SQA_ZOO_ROOTS`` (separated like ``PATH``)."""
    named = os.environ.get(ROOTS_VARIABLE, "").split(os.pathsep)
    return list(dict.fromkeys([own_root(), *(Path(root).expanduser().absolute() for root in named if root)]))


def place_of(name: str) -> Path:
    """Where an entry of this name belongs below our own root.

    Raises:
        UserError: `name` is neither a stub nor the id of a repository on the hub.
    """
    if is_stub(name):
        return own_root() / parse_stub(name).identity
    if os.path.isabs(name) or ".." in name.split("/"):
        raise UserError(f"neither a stub nor a name of the hub: {plain(name)}", "`sqa-tui zoo list` shows names")
    return own_root() / HUB_FOLDER / name


def local_folder(name: str) -> Path | None:
    """The first folder under any root that holds something for `name`; a broken download counts as absent."""
    if os.path.isabs(name):
        places = [Path(name)]
    elif is_stub(name):
        places = [root / parse_stub(name).identity for root in roots()]
    else:
        places = [own_root() / HUB_FOLDER / name]
    return next((place for place in places if looks_like_zoo_folder(place) and is_whole(place)), None)


def _has_anything(root: Path) -> bool:
    """Whether there is more in a folder than what downloads that broke off have left there."""
    return any(not path.name.startswith(".") for path in root.iterdir())


class LocalSource(FixedSource):
    """Folders under the roots; a stub is a folder's path below its root."""

    name = "local"
    title = "folders on this machine"

    def state(self) -> State:
        """``ready`` with the roots, or ``empty`` with where to put models."""
        own, *named = roots()
        there = [str(root) for root in (own, *named) if root.is_dir() and (root != own or _has_anything(root))]
        absent = [
            f"{plain(str(root))} is {'not a folder' if root.exists() else 'not there'}"
            for root in named
            if not root.is_dir()
        ]
        if there or absent:
            return State("ready" if there else "empty", ", ".join([*there, *absent]))
        hint = f"put models in the SparseZoo layout under {own_root()} or name other roots in {ROOTS_VARIABLE}"
        return State("empty", hint)

    def entries(self) -> list[Entry]:
        """An entry for every folder; the first root wins where two hold the same stub."""
        found: dict[str, Entry] = {}
        for root in roots():
            for entry in scan(root):
                found.setdefault(entry.stub, entry)
        return list(found.values())

    def find(self, name: str) -> Entry | None:
        """The entry of one folder, without looking at the others."""
        folder = local_folder(name)
        if folder is None:
            return None
        root = next((root for root in roots() if folder.is_relative_to(root)), folder.parent)
        return entry_at(root, folder)

    def folder(self, name: str) -> Path | None:
        """The folder of `name` under any root."""
        return local_folder(name)
