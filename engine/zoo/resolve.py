"""What a text means as a model, a teacher or a recipe: a zoo stub, a folder, or a repository on the hub.

Nothing here uses the network: a stub whose files are not on this machine is an error that says what to do, and
`missing` says what could be fetched first.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import UserError, plain
from engine.zoo.catalogue import SERVICE_ENDED
from engine.zoo.demo.publish import is_demo_recipe, train_command
from engine.zoo.folder import recipe_file, recipes, training_folder
from engine.zoo.hub import HubSource
from engine.zoo.local import local_folder, own_root
from engine.zoo.names import check_length, is_hub_name
from engine.zoo.source import Part
from engine.zoo.sources import find_entry, find_folder, meant_as_stub, read_stub, unknown
from engine.zoo.sparsezoo import SparseZooSource
from engine.zoo.stubs import Stub
from engine.zoo.substitutes import Role, substitutes

NO_TEACHER = ("disable", "self")
"""Words that stand for no teacher and for the model itself."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be fetched before a text can be used: the arguments of a fetch."""

    name: str
    part: Part
    source: str


def missing(text: str, role: Role) -> Missing | None:
    """What would have to be fetched for `text`, and from where; None where nothing can or need be."""
    check_length(text)
    if meant_as_stub(text):
        return _missing_stub(read_stub(text), role)
    if role == "recipe" or text in NO_TEACHER or not is_hub_name(text) or _looks_like_path(text):
        return None
    hub = HubSource()
    if Path(text).exists() or not hub.state().usable or hub.folder(text) is not None:
        return None
    return Missing(name=text, part="model", source="hub")


def _missing_stub(stub: Stub, role: Role) -> Missing | None:
    if not SparseZooSource().state().usable or is_demo_recipe(stub.bare) or _is_here(stub, role):
        return None
    if role == "recipe":
        return Missing(name=str(stub), part="recipe", source="sparsezoo")
    return Missing(name=stub.bare, part="model", source="sparsezoo")


def _is_here(stub: Stub, role: Role) -> bool:
    folder = find_folder(stub.bare)
    if folder is None:
        return False
    return bool(recipes(folder)) if role == "recipe" else training_folder(folder) is not None


def resolve_model(text: str, role: Role = "model") -> Path | str:
    """The folder with a model's training files, or the name of a repository on the hub.

    Args:
        text: A zoo stub, a folder (a model's own, or one in the SparseZoo layout) or a hub name.
        role: What it is wanted for; the hints of errors name its flag.

    Raises:
        UserError: The stub is unknown or cannot be had, the folder does not exist or holds no model.
    """
    if not text.strip():
        raise UserError(f"no {role} is named", "name a folder, a zoo stub or a hub repository")
    check_length(text)
    if meant_as_stub(text):
        return _model_of_stub(read_stub(text), role)
    folder = Path(text).expanduser()
    if folder.is_dir():
        return _model_of_folder(folder)
    if folder.is_file():
        raise UserError(f"a model is a folder, {plain(text)} is a file", "name the folder that holds config.json")
    if _looks_like_path(text) or not is_hub_name(text):
        raise UserError(f"no such model folder: {plain(text)}", "name a folder, a zoo stub or a hub repository")
    fetched = local_folder(text)
    return _model_of_folder(fetched) if fetched is not None else text


def resolve_teacher(text: str) -> Path | str:
    """As `resolve_model`, for a teacher; the words ``disable`` and ``self`` stay as they are."""
    return text if text in NO_TEACHER else resolve_model(text, "teacher")


def resolve_recipe(text: str) -> Path:
    """The recipe file of a stub, of a folder in the SparseZoo layout, or `text` itself where it names a file.

    Raises:
        UserError: The stub is unknown or has no such recipe, or the file does not exist.
    """
    check_length(text)
    if not meant_as_stub(text):
        return _recipe_of_path(Path(text).expanduser())
    stub = read_stub(text)
    folder = find_folder(stub.bare)
    if folder is None:
        raise _cannot_be_had(stub, "recipe")
    return recipe_file(folder, stub)


def _model_of_stub(stub: Stub, role: Role) -> Path:
    folder = find_folder(stub.bare)
    training = training_folder(folder) if folder is not None else None
    if training is not None:
        return training.absolute()
    if is_demo_recipe(stub.bare):
        command = " ".join(train_command(stub.bare))
        raise UserError(f"no run has made the model {stub.bare} yet", f"make it: {command}")
    raise _cannot_be_had(stub, role)


def _model_of_folder(folder: Path) -> Path:
    training = training_folder(folder)
    if training is None:
        raise UserError(f"not a model folder: {plain(str(folder))} has no config.json", "name the folder that has it")
    return training.absolute()


def _recipe_of_path(path: Path) -> Path:
    if path.is_dir():
        found = [
            path / f"recipe{suffix}" for suffix in (".md", ".yaml", ".yml") if (path / f"recipe{suffix}").is_file()
        ]
        if found:
            return found[0].absolute()
        raise UserError(f"no recipe in the folder {plain(str(path))}", "name the recipe's file")
    if not path.is_file():
        raise UserError(f"no such recipe: {plain(str(path))}", "name a file or a zoo stub")
    return path.absolute()


def _cannot_be_had(stub: Stub, role: Role) -> UserError:
    """The error for a stub without files here: fetch it, take a substitute, or put its folder in place."""
    entry = find_entry(stub.bare)
    what = "recipe" if role == "recipe" else "model"
    if SparseZooSource().state().usable:
        part = " --part recipe" if role == "recipe" else ""
        return UserError(f"the {what} {stub.bare} is not on this machine", f"fetch it: sqa-tui zoo fetch {stub}{part}")
    if entry is None:
        return unknown(stub)
    place = f"if you have it, put its folder at {own_root() / stub.identity}"
    near = substitutes(entry, role)
    hint = f"perhaps {near[0].flags} instead ({near[0].why}); {place}" if near else place
    return UserError(f"the {what} {stub.bare} is known but not on this machine: {SERVICE_ENDED}", hint)


def _looks_like_path(text: str) -> bool:
    return text.startswith((".", "/", "~")) or text.count("/") > 1 or "\\" in text
