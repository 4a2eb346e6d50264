"""Folders on this machine that hold models and recipes in the SparseZoo layout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.errors import UserError
from engine.runs.paths import home
from engine.zoo.entry import Entry, layers_of_tag, sparsity_of_tag, title_of
from engine.zoo.folder import looks_like_zoo_folder, recipes, training_folder
from engine.zoo.stubs import Stub, parse_stub

ROOTS_VARIABLE = "SQA_ZOO_ROOTS"
_PATH_DEPTH = 7


def own_root() -> Path:
    """The root that finished demo runs are published under."""
    return home() / "zoo"


def roots() -> list[Path]:
    """Every root to look under: our own, then those of ``SQA_ZOO_ROOTS`` (separated like ``PATH``)."""
    named = os.environ.get(ROOTS_VARIABLE, "").split(os.pathsep)
    return [own_root(), *(Path(root).expanduser().absolute() for root in named if root)]


def local_folder(stub: Stub) -> Path | None:
    """The first folder under any root that holds something for `stub`."""
    places = (root / stub.identity for root in roots())
    return next((place for place in places if looks_like_zoo_folder(place)), None)


class LocalSource:
    """Folders under the roots; a stub is a folder's path below its root."""

    name = "local"

    def state(self) -> tuple[str, str]:
        """``ready``, or ``empty`` with where to put models."""
        if any(root.is_dir() for root in roots()):
            return "ready", ""
        return "empty", f"put models in the SparseZoo layout under {own_root()} or name other roots in {ROOTS_VARIABLE}"

    def entries(self) -> list[Entry]:
        """An entry for every folder; the first root wins where two hold the same stub."""
        found: dict[str, Entry] = {}
        for root in roots():
            for folder in _folders(root):
                entry = _entry(root, folder)
                if entry is not None:
                    found.setdefault(entry.stub, entry)
        return list(found.values())

    def folder(self, stub: Stub) -> Path | None:
        """The folder of `stub` under any root."""
        return local_folder(stub)


def _folders(root: Path) -> Iterator[Path]:
    for pattern in ("/".join("*" * _PATH_DEPTH), "*"):
        yield from sorted(folder for folder in root.glob(pattern) if looks_like_zoo_folder(folder))


def _entry(root: Path, folder: Path) -> Entry | None:
    try:
        stub = parse_stub(folder.relative_to(root).as_posix())
    except UserError:
        return None
    architecture = "-".join(part for part in (stub.architecture, stub.sub_architecture) if part not in (None, "none"))
    sparsity, quantised = sparsity_of_tag(stub.tag), "quant" in stub.tag
    training = training_folder(folder)
    dense = sparsity == 0 and not quantised
    return Entry(
        stub=stub.bare,
        title=title_of(architecture, stub.dataset, sparsity, quantised),
        architecture=architecture,
        layers=_layers(training) or layers_of_tag(stub.tag),
        dataset=stub.dataset,
        task=stub.sub_domain or "question_answering",
        sparsity=sparsity,
        quantised=quantised,
        path=folder,
        has_model=training is not None,
        has_recipe=bool(recipes(folder)),
        has_teacher=training is not None and dense and stub.sub_domain in (None, "question_answering"),
        source="local",
        note="sparsity and precision as the folder's name states them",
    )


class _Configuration(msgspec.Struct):
    num_hidden_layers: int | None = None


def _layers(training: Path | None) -> int | None:
    if training is None:
        return None
    try:
        return msgspec.json.decode((training / "config.json").read_bytes(), type=_Configuration).num_hidden_layers
    except (OSError, msgspec.DecodeError):
        return None
