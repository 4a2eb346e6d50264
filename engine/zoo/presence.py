"""Whether what would be fetched is on this machine already, whole."""

from __future__ import annotations

from pathlib import Path

from engine.zoo.folder import has_model, recipe_name, recipes, training_folder
from engine.zoo.marker import read_marker
from engine.zoo.source import Part
from engine.zoo.sources import find_folder
from engine.zoo.stubs import is_stub, parse_stub


def here(name: str, part: Part) -> Path | None:
    """The folder that has a part of an entry; None where it would have to be fetched. No network.

    Args:
        name: A stub (its parameters choose among recipes), a folder, or the id of a repository on the hub.
        part: What of it; all of a folder that is no download is what is there.
    """
    stub = parse_stub(name) if is_stub(name) else None
    folder = find_folder(stub.bare if stub is not None else name)
    if folder is None:
        return None
    return folder if _has(folder, part, recipe_name(stub) if stub is not None else None) else None


def _has(folder: Path, part: Part, recipe: str | None) -> bool:
    if recipe is not None and recipe not in recipes(folder):
        return False
    if part == "recipe":
        return bool(recipes(folder))
    if part == "deployment":
        return (folder / "deployment" / "model.onnx").is_file()
    training = training_folder(folder)
    whole = training is not None and has_model(training)
    marker = read_marker(folder)
    return whole and (part == "model" or marker is None or "all" in marker.parts)
