"""What can be done with an entry, or to have it: one command or remark a line."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from engine.errors import plain
from engine.zoo.catalogue import SERVICE_ENDED
from engine.zoo.demo.publish import is_demo_recipe, train_command
from engine.zoo.entry import Entry
from engine.zoo.folder import UNREADABLE, WITHOUT_WEIGHTS, recipes
from engine.zoo.local import own_root
from engine.zoo.sparsezoo import URL_VARIABLE, SparseZooSource
from engine.zoo.stubs import is_stub, parse_stub


def advice(name: str, entry: Entry | None, folder: Path | None, recipe: str | None = None) -> list[str]:
    """What to do with an entry, and where it has no model how to get one.

    Args:
        name: As commands take it.
        entry: None where nothing is known of it.
        folder: Where its files are.
        recipe: The name of the one that is asked for.
    """
    lines: list[str] = []
    if entry is not None and entry.has_model:
        lines.append(f"as a model: --model_name_or_path {_shown(name)}")
    if entry is not None and entry.has_teacher:
        lines.append(f"as a teacher: --distill_teacher {_shown(name)}")
    if folder is not None:
        lines += _recipes(name, folder, recipe)
        lines += _exported(folder)
    if entry is None or not entry.has_model:
        lines += _what_lacks(name, entry)
    return lines


def _shown(name: str) -> str:
    """A name as a shell takes it."""
    return shlex.quote(plain(name))


def _recipes(name: str, folder: Path, wanted: str | None) -> list[str]:
    found = recipes(folder)
    chosen = [wanted] if wanted else [""] if "" in found else list(found)
    return [f"its recipe{f' {key}' if key else ''}: --recipe {_recipe(name, key, found[key])}" for key in chosen]


def _recipe(name: str, key: str, file: Path) -> str:
    """How `--recipe` names it: by the stub, else by the file."""
    if not is_stub(name):
        return _shown(str(file))
    return _shown(f"{name}?recipe_type={key}" if key else name)


def _exported(folder: Path) -> list[str]:
    deployment = folder / "deployment"
    there = (deployment / "model.onnx").is_file()
    return [f"ask it: sqa-tui ask {_shown(str(deployment))} QUESTION --context TEXT"] if there else []


def _what_lacks(name: str, entry: Entry | None) -> list[str]:
    """Why it is no model, and what could change that."""
    lines: list[str] = []
    if entry is not None and entry.note == WITHOUT_WEIGHTS:
        lines.append(f"{WITHOUT_WEIGHTS}: --model_name_or_path {_shown(name)} trains from random ones")
    elif entry is not None and entry.note == UNREADABLE:
        lines.append(f"{UNREADABLE}: mend it or copy it again, until then this is no model")
    elif os.path.isabs(name):
        lines.append("there is no model in the folder: a run needs another one")
    return lines if os.path.isabs(name) else lines + _how_to_get(name)


def _how_to_get(name: str) -> list[str]:
    if not is_stub(name):
        return [f"fetch it: sqa-tui zoo fetch {_shown(name)} (a run does so by itself)"]
    if is_demo_recipe(name):
        return [f"make its model: {shlex.join(train_command(name))}"]
    if SparseZooSource().state().usable:
        return [f"fetch it: sqa-tui zoo fetch {name}"]
    place = own_root() / parse_stub(name).identity
    return [
        f"it cannot be had from here: {SERVICE_ENDED}",
        f"if you have its folder: put it at {place}",
        f"if you have a SparseZoo server: name it in {URL_VARIABLE}, then sqa-tui zoo fetch {name}",
    ]
