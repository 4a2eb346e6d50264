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
_Changed = tuple[int, int]
_known: dict[str, tuple[_Changed, Entry]] = {}


def scan(root: Path) -> Iterator[Entry]:
    """An entry for every folder below `root` that holds a model or a recipe; hidden folders are left out."""
    yield from _below(str(root), "", _DEPTH)


def entry_at(root: Path, folder: Path) -> Entry | None:
    """The entry of one folder below `root`, None where it holds nothing."""
    return _entry(str(folder), folder.relative_to(root).as_posix(), (0, 0))


def _below(path: str, relative: str, depth: int) -> Iterator[Entry]:
    for item in _folders(path):
        below = f"{relative}/{item.name}" if relative else item.name
        changed = _changed(item.path)
        known = _known.get(item.path)
        entry = known[1] if known is not None and known[0] == changed else _entry(item.path, below, changed)
        if entry is not None:
            yield entry
        elif depth > 1:
            yield from _below(item.path, below, depth - 1)


def _folders(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as items:
            found = [item for item in items if not item.name.startswith(".") and item.is_dir()]
    except OSError:
        return []
    return sorted(found, key=lambda item: item.name)


def _changed(path: str) -> _Changed:
    """Times of change of a folder and of its training folder."""
    return _time(path), _time(f"{path}/training")


def _time(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _entry(path: str, relative: str, changed: _Changed) -> Entry | None:
    try:
        names = set(os.listdir(path))
    except OSError:
        return None
    training = _training(path, names)
    has_recipe = any(name.startswith("recipe") and name.endswith(RECIPE_SUFFIXES) for name in names)
    if training is None and not has_recipe and "deployment" not in names:
        return None
    config = configuration(training) if training is not None else Configuration()
    entry = _of_stub(path, relative, config, training is not None, has_recipe) or _of_folder(
        path, relative, config, training is not None, has_recipe
    )
    if changed != (0, 0):
        _known[path] = (changed, entry)
    return entry


def _training(path: str, names: set[str]) -> str | None:
    if "training" in names and os.path.isfile(f"{path}/training/config.json"):
        return f"{path}/training"
    return path if "config.json" in names else None


def _of_stub(path: str, relative: str, config: Configuration, has_model: bool, has_recipe: bool) -> Entry | None:
    try:
        stub = parse_stub(relative)
    except UserError:
        return None
    entry = entry_of_stub(
        stub,
        layers=config.num_hidden_layers,
        path=Path(path),
        has_model=has_model,
        has_recipe=has_recipe,
        source="local",
        note="sparsity and precision as the folder's name states them",
    )
    return msgspec.structs.replace(entry, has_teacher=True) if has_model and may_teach(entry) else entry


def _of_folder(path: str, relative: str, config: Configuration, has_model: bool, has_recipe: bool) -> Entry:
    """A folder whose name says nothing: its configuration does."""
    name = relative.removeprefix(f"{HUB_FOLDER}/") if relative.startswith(f"{HUB_FOLDER}/") else path
    answers = any(each.endswith("ForQuestionAnswering") for each in config.architectures or ())
    return Entry(
        stub=name,
        title=f"{name if name != path else os.path.basename(path)}, {config.model_type or 'a recipe'}",
        architecture=config.model_type,
        layers=config.num_hidden_layers,
        task="question_answering" if answers else "",
        path=Path(path),
        has_model=has_model,
        has_recipe=has_recipe,
        has_teacher=has_model and answers,
        source="local",
        note="a model folder: what its config.json states, and nothing else is known of it",
    )
