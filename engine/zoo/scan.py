"""Entries below a root: folders in the SparseZoo layout by their stubs, other model folders by their paths.

Ten thousand folders are looked through in well under a second: directories are read with `os.scandir`, and what was
found is kept for as long as a folder's time of change stays the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.errors import UserError
from engine.zoo.entry import Entry, entry_of_stub, may_teach
from engine.zoo.folder import RECIPE_SUFFIXES, Configuration, configuration
from engine.zoo.stubs import parse_stub

HUB_FOLDER = "huggingface"
"""Below our own root: models of the hub, by their ids."""

_DEPTH = 7
_STUB_SLASHES = (0, 6)
"""How many slashes names and paths of the two grammars have."""
_Changed = tuple[int, int]
_known: dict[str, tuple[_Changed, Entry]] = {}


def scan(root: Path) -> Iterator[Entry]:
    """An entry for every folder below `root` that holds a model or a recipe; hidden folders are left out."""
    yield from _below(str(root), "", _DEPTH)


def entry_at(root: Path, folder: Path) -> Entry | None:
    """The entry of one folder below `root`, None where it holds nothing."""
    return _entry(str(folder), folder.relative_to(root).as_posix())


def _below(path: str, relative: str, depth: int) -> Iterator[Entry]:
    for item in _folders(path):
        below = f"{relative}/{item.name}" if relative else item.name
        entry = _unchanged(item.path) or _entry(item.path, below)
        if entry is not None:
            yield entry
        elif depth > 1:
            yield from _below(item.path, below, depth - 1)


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


def _unchanged(path: str) -> Entry | None:
    """What was found in a folder, if neither it nor its training folder has changed since."""
    known = _known.get(path)
    if known is None or known[0] != (_time(path), _time(f"{path}/training") if known[0][1] else 0):
        return None
    return known[1]


def _time(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _entry(path: str, relative: str) -> Entry | None:
    try:
        names = os.listdir(path)
    except OSError:
        return None
    # Times before contents: what changes in between is seen the next time.
    changed = (_time(path), _time(f"{path}/training") if "training" in names else 0)
    has_recipe = any(name.startswith("recipe") and name.endswith(RECIPE_SUFFIXES) for name in names)
    training = f"{path}/training" if changed[1] else path if "config.json" in names else None
    config = configuration(training) if training is not None else None
    if config is None and not has_recipe and "deployment" not in names:
        return None
    make = _of_stub if relative.count("/") in _STUB_SLASHES else _of_folder
    entry = make(path, relative, config, has_recipe)
    _known[path] = (changed, entry)
    return entry


def _of_stub(path: str, relative: str, config: Configuration | None, has_recipe: bool) -> Entry:
    try:
        stub = parse_stub(relative)
    except UserError:
        return _of_folder(path, relative, config, has_recipe)
    entry = entry_of_stub(
        stub,
        layers=config.num_hidden_layers if config is not None else None,
        path=Path(path),
        has_model=config is not None,
        has_recipe=has_recipe,
        source="local",
        note="sparsity and precision as the folder's name states them",
    )
    return msgspec.structs.replace(entry, has_teacher=True) if config is not None and may_teach(entry) else entry


def _of_folder(path: str, relative: str, config: Configuration | None, has_recipe: bool) -> Entry:
    """A folder whose name says nothing: its configuration does."""
    name = relative.removeprefix(f"{HUB_FOLDER}/") if relative.startswith(f"{HUB_FOLDER}/") else path
    kind = config.model_type if config is not None else ""
    answers = config is not None and config.answers
    return Entry(
        stub=name,
        title=f"{name if name != path else os.path.basename(path)}, {kind or 'a recipe'}",
        architecture=kind,
        layers=config.num_hidden_layers if config is not None else None,
        task="question_answering" if answers else "",
        path=Path(path),
        has_model=config is not None,
        has_recipe=has_recipe,
        has_teacher=answers,
        source="local",
        note="a model folder: what its config.json states, and nothing else is known of it",
    )
