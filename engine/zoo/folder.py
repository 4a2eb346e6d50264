"""A folder in the SparseZoo layout: training files, deployment files, recipes and a card."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import cast

import msgspec

from engine.errors import UserError, plain
from engine.zoo.stubs import Stub
from engine.zoo.texts import read_regular

RECIPE_SUFFIXES = (".md", ".yaml", ".yml")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")

UNREADABLE = "its config.json cannot be read"
WITHOUT_WEIGHTS = "the weights are missing"


class Configuration(msgspec.Struct, frozen=True):
    """What is read of a model's ``config.json``.

    Attributes:
        model_type: Such as ``bert``.
        layers: Encoder layers; None for numbers that no model has.
        answers: Whether it was saved with a head for questions.
        readable: Whether it is what transformers writes.
    """

    model_type: str = ""
    layers: int | None = None
    answers: bool = False
    readable: bool = True


class _Written(msgspec.Struct):
    """The file's own fields, whatever is written in them."""

    model_type: object = None
    architectures: object = None
    num_hidden_layers: object = None


_configurations = msgspec.json.Decoder(_Written)
_CONFIGURATION_USUAL = 1 << 16
"""Bytes that are asked for at first: more memory takes time to be had, ten thousand times."""
_CONFIGURATION_LIMIT = 1 << 22
_INDEX_LIMIT = 1 << 24


_MOST_LAYERS = 10_000


class _Index(msgspec.Struct):
    weight_map: dict[str, str]


def looks_like_zoo_folder(folder: Path) -> bool:
    """Whether anything of the layout is in `folder`."""
    return folder.is_dir() and (
        training_folder(folder) is not None or bool(recipes(folder)) or (folder / "deployment").is_dir()
    )


def training_folder(folder: Path) -> Path | None:
    """The folder with the model's configuration: ``training/`` or `folder` itself; None where there is none."""
    return next((place for place in (folder / "training", folder) if (place / "config.json").is_file()), None)


def configuration(training: Path | str) -> Configuration | None:
    """What ``config.json`` says; None where there is no such file."""
    try:
        text = read_regular(f"{training}/config.json", _CONFIGURATION_USUAL)
        if len(text) == _CONFIGURATION_USUAL:
            text = read_regular(f"{training}/config.json", _CONFIGURATION_LIMIT)
        written = _configurations.decode(text)
    except (PermissionError, msgspec.DecodeError, UnicodeDecodeError):
        return Configuration(readable=False)
    except OSError:
        return None
    kind, layers = written.model_type, written.num_hidden_layers
    return Configuration(
        model_type=kind if isinstance(kind, str) else "",
        layers=layers if type(layers) is int and 0 <= layers <= _MOST_LAYERS else None,
        answers=_answers(written.architectures),
    )


def _answers(architectures: object) -> bool:
    names = cast("list[object]", architectures) if isinstance(architectures, list) else []
    return any(str(name).endswith("ForQuestionAnswering") for name in names)


def has_model(folder: Path) -> bool:
    """Whether configuration and weights are all in `folder` (every part of them, where they come in parts)."""
    return (folder / "config.json").is_file() and has_weights(folder)


def has_weights(folder: Path | str, names: Collection[str] | None = None) -> bool:
    """Whether a model's weights are all in `folder`; `names` are those of its files, where they are known already."""
    near = [name for name in _WEIGHTS if names is None or name in names or f"{name}.index.json" in names]
    # Texts instead of paths: this is asked of ten thousand folders.
    return any(_has_weights(str(folder), name) for name in near)


def _has_weights(folder: str, name: str) -> bool:
    if os.path.isfile(f"{folder}/{name}"):
        return True
    try:
        index = msgspec.json.decode(read_regular(f"{folder}/{name}.index.json", _INDEX_LIMIT), type=_Index)
    except (OSError, msgspec.DecodeError):
        return False
    return all(os.path.isfile(f"{folder}/{part}") for part in set(index.weight_map.values()))


def recipes(folder: Path) -> dict[str, Path]:
    """Recipe files by what follows ``recipe`` in their names; the plain one is ``""``."""
    files = sorted(file for file in folder.glob("recipe*") if file.suffix in RECIPE_SUFFIXES and file.is_file())
    return {file.stem[len("recipe") :].lstrip("_-."): file for file in files}


def recipe_name(stub: Stub) -> str | None:
    """The recipe that a stub's parameters ask for, None where they ask for none."""
    return stub.parameter("recipe_type") or stub.parameter("recipe")


def recipe_file(folder: Path, stub: Stub) -> Path:
    """The recipe that the stub's parameters ask for; the default one where they ask for none.

    Raises:
        UserError: There is none, or none of that name: another one is never taken in its place.
    """
    found = recipes(folder)
    wanted = recipe_name(stub)
    for name in (wanted,) if wanted else ("", "original"):
        if name in found:
            return found[name]
    if not wanted and len(found) == 1:
        return next(iter(found.values()))
    raise no_recipe(stub, wanted, found)


def no_recipe(stub: Stub, wanted: str | None, found: Collection[str]) -> UserError:
    """What to say where a stub's recipe is not there; `found` are the names of those that are, ``""`` the default."""
    asked = f"no recipe {plain(wanted)!r}" if wanted else "no default recipe"
    others = [plain(name) for name in found if name]
    key = "recipe_type" if stub.parameter("recipe_type") or not wanted else "recipe"
    hints = [f"there: {', '.join(f'?{key}={name}' for name in others)}"] if others else []
    if wanted and "" in found:
        hints.append(f"{'or ' if others else ''}drop '?{key}={plain(wanted)}' for the default one")
    return UserError(f"{asked} at {stub.bare}", ", ".join(hints) or "name a stub or file that has a recipe")
