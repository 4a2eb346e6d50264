"""Entries below a root: folders in the SparseZoo layout by their stubs, other model folders by their paths.

Ten thousand folders are looked through in well under a second: directories are read with `os.scandir`, and what was
found is kept for as long as a folder's time of change stays the same.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.errors import UserError
from engine.zoo.entry import Entry, entry_of_stub, may_teach
from engine.zoo.folder import RECIPE_SUFFIXES, UNREADABLE, WITHOUT_WEIGHTS, Configuration, configuration, has_weights
from engine.zoo.marker import NAME as MARKER
from engine.zoo.marker import read_marker
from engine.zoo.stubs import parse_stub

HUB_FOLDER = "huggingface"
"""Below our own root: models of the hub, by their ids."""

_DEPTH = 7
_STUB_SLASHES = (0, 6)
"""How many slashes names and paths of the two grammars have."""
_known: dict[str, _Found] = {}


class _Found(NamedTuple):
    """What a folder was when it and its ``training/`` had certain times; files of a download with their sizes."""

    changed: tuple[int, int]
    entry: Entry
    files: tuple[tuple[str, int | None], ...]


class _Holds(NamedTuple):
    """What is in a folder: the configuration, the whole model, a recipe."""

    config: Configuration | None
    model: bool
    recipe: bool

    @property
    def lack(self) -> str:
        """What keeps it from being a model; nothing for one that is."""
        if self.config is None:
            return "there is no model in the folder"
        if not self.config.readable:
            return UNREADABLE
        return "" if self.model else WITHOUT_WEIGHTS

    @property
    def kind(self) -> str:
        """What the folder is, in a few words."""
        if self.config is None:
            return "a recipe" if self.recipe else "an exported model"
        if not self.config.readable:
            return UNREADABLE
        kind = self.config.model_type or "a model of unknown kind"
        return kind if self.model else f"{kind}: {WITHOUT_WEIGHTS}"


def scan(root: Path) -> Iterator[Entry]:
    """An entry for every folder below `root` that holds a model or a recipe.

    Hidden folders are left out, and downloads that lost or broke a file.
    """
    yield from _below(str(root), "", _DEPTH)


def entry_at(root: Path, folder: Path) -> Entry | None:
    """The entry of one folder below `root`, None where it holds nothing."""
    found = _found(str(folder), folder.relative_to(root).as_posix())
    return found.entry if found is not None else None


def _below(path: str, relative: str, depth: int) -> Iterator[Entry]:
    for item in _folders(path):
        below = f"{relative}/{item.name}" if relative else item.name
        found = _unchanged(item.path) or _found(item.path, below)
        if found is None:
            if depth > 1:
                yield from _below(item.path, below, depth - 1)
        # Files of a download may change without a trace in the times of its folders.
        elif all(_size(file) == size for file, size in found.files):
            yield found.entry


def _folders(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as items:
            found = [item for item in items if _is_folder(item)]
    except OSError:
        return []
    return sorted(found, key=lambda item: item.name)


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return not item.name.startswith(".") and item.is_dir() and not _is_loop(item)
    except OSError:
        # A link that leads to itself, or nowhere: the folders beside it are still worth a look.
        return False


def _is_loop(item: os.DirEntry[str]) -> bool:
    """Whether it is a link to a folder that holds it."""
    return item.is_symlink() and Path(os.path.realpath(os.path.dirname(item.path))).is_relative_to(
        os.path.realpath(item.path)
    )


def _unchanged(path: str) -> _Found | None:
    """What was found in a folder, if neither it nor its training folder has changed since."""
    known = _known.get(path)
    if known is None or known.changed != (_time(path), _time(f"{path}/training") if known.changed[1] else 0):
        return None
    return known


def _time(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _found(path: str, relative: str) -> _Found | None:
    names = _names(path)
    # Times before contents: what changes in between is seen the next time.
    changed = (_time(path), _time(f"{path}/training") if "training" in names else 0)
    has_recipe = any(name.startswith("recipe") and name.endswith(RECIPE_SUFFIXES) for name in names)
    config, weights = _model(path, names, bool(changed[1]))
    if config is None and not has_recipe and "deployment" not in names:
        return None
    holds = _Holds(config, weights and config is not None and config.readable, has_recipe)
    make = _of_stub if relative.count("/") in _STUB_SLASHES else _of_folder
    found = _known[path] = _Found(changed, make(path, relative, holds), _files(path) if MARKER in names else ())
    return found


def _model(path: str, names: Collection[str], in_training: bool) -> tuple[Configuration | None, bool]:
    """What a folder's configuration says, and whether the weights lie beside it."""
    training, inside = path, names
    if in_training and "config.json" in (there := _names(f"{path}/training")):
        training, inside = f"{path}/training", there
    config = configuration(training) if "config.json" in inside else None
    return config, config is not None and has_weights(training, inside)


def _files(path: str) -> tuple[tuple[str, int | None], ...]:
    """The files that make a download whole; where nobody can tell, one that no folder has."""
    marker = read_marker(Path(path))
    if marker is None:
        return ((f"{path}/{MARKER}", None),)
    return tuple((f"{path}/{file.path}", file.size) for file in marker.files)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _of_stub(path: str, relative: str, holds: _Holds) -> Entry:
    try:
        stub = parse_stub(relative)
    except UserError:
        return _of_folder(path, relative, holds)
    entry = entry_of_stub(
        stub,
        layers=holds.config.layers if holds.config is not None else None,
        path=Path(path),
        has_model=holds.model,
        has_recipe=holds.recipe,
        source="local",
        place="local",
        note=holds.lack or "sparsity and precision as the folder's name states them",
    )
    return msgspec.structs.replace(entry, has_teacher=True) if holds.model and may_teach(entry) else entry


def _of_folder(path: str, relative: str, holds: _Holds) -> Entry:
    """A folder whose name says nothing: its configuration does."""
    name = relative.removeprefix(f"{HUB_FOLDER}/") if relative.startswith(f"{HUB_FOLDER}/") else path
    config = holds.config or Configuration()
    return Entry(
        stub=name,
        title=f"{name if name != path else os.path.basename(path)}, {holds.kind}",
        architecture=config.model_type,
        layers=config.layers,
        task="question_answering" if config.answers else "",
        path=Path(path),
        has_model=holds.model,
        has_recipe=holds.recipe,
        has_teacher=holds.model and config.answers,
        source="local",
        place="local",
        note=holds.lack or "a model folder: what its config.json states, and nothing else is known of it",
    )
