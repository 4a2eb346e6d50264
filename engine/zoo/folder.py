"""A folder in the SparseZoo layout: training files, deployment files, recipes and a card."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import msgspec

from engine.errors import UserError, plain
from engine.zoo.stubs import Stub
from engine.zoo.texts import read_regular

RECIPE_SUFFIXES = (".md", ".yaml", ".yml")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


class Configuration(msgspec.Struct):
    """What is read of a model's ``config.json``."""

    model_type: str = ""
    architectures: list[str] | None = None
    num_hidden_layers: int | None = None

    @property
    def answers(self) -> bool:
        """Whether it was saved with a head for questions."""
        return any(name.endswith("ForQuestionAnswering") for name in self.architectures or ())


_configurations = msgspec.json.Decoder(Configuration)
_CONFIGURATION_LIMIT = 1 << 16
_INDEX_LIMIT = 1 << 24


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
    """What ``config.json`` says, nothing where it is not what transformers writes; None where no file can be read."""
    try:
        return _configurations.decode(read_regular(f"{training}/config.json", _CONFIGURATION_LIMIT))
    except OSError:
        return None
    except msgspec.DecodeError:
        return Configuration()


def has_model(folder: Path) -> bool:
    """Whether configuration and weights are all in `folder` (every part of them, where they come in parts)."""
    return (folder / "config.json").is_file() and any(_has_weights(folder, name) for name in _WEIGHTS)


def _has_weights(folder: Path, name: str) -> bool:
    if (folder / name).is_file():
        return True
    try:
        index = msgspec.json.decode(read_regular(folder / f"{name}.index.json", _INDEX_LIMIT), type=_Index)
    except (OSError, msgspec.DecodeError):
        return False
    return all((folder / part).is_file() for part in set(index.weight_map.values()))


def recipes(folder: Path) -> dict[str, Path]:
    """Recipe files by what follows ``recipe`` in their names; the plain one is ``""``."""
    files = sorted(file for file in folder.glob("recipe*") if file.suffix in RECIPE_SUFFIXES and file.is_file())
    return {file.stem[len("recipe") :].lstrip("_-."): file for file in files}


def recipe_file(folder: Path, stub: Stub) -> Path:
    """The recipe that the stub's parameters ask for; the default one where they ask for none.

    Raises:
        UserError: There is none, or none of that name: another one is never taken in its place.
    """
    found = recipes(folder)
    wanted = stub.parameter("recipe_type") or stub.parameter("recipe")
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
