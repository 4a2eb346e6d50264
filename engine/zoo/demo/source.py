"""The demo zoo as a source: bundled teacher and recipes, and the models that runs have made with them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.zoo.demo import DATA, FAMILY
from engine.zoo.demo.publish import train_command
from engine.zoo.entry import Entry, title_of
from engine.zoo.folder import looks_like_zoo_folder, recipes, training_folder
from engine.zoo.source import FixedSource, State
from engine.zoo.stubs import PREFIX, is_stub, parse_stub
from engine.zoo.tags import read_tag

TAGS = ("base-none", "pruned80-none", "pruned80_quant-none")


class Measured(msgspec.Struct, frozen=True):
    """Figures of the bundled teacher, as the script that trained it measured them."""

    f1: float | None = None
    exact_match: float | None = None


class DemoSource(FixedSource):
    """What is shipped with the package; it needs no network."""

    name = "demo"
    title = "the demo zoo"

    def state(self) -> State:
        """Always ready."""
        return State("ready", "invented facts and a tiny model, for trying things out")

    def entries(self) -> list[Entry]:
        """The dense teacher and the two recipes."""
        return [_entry(tag) for tag in TAGS]

    def folder(self, name: str) -> Path | None:
        """The bundled folder of a stub."""
        if not is_stub(name):
            return None
        folder = DATA / parse_stub(name).identity
        return folder if looks_like_zoo_folder(folder) else None


def _entry(tag: str) -> Entry:
    folder = DATA / FAMILY / tag
    stub = f"{PREFIX}{FAMILY}/{tag}"
    stated = read_tag(tag)
    has_model = (folder / "training" / "model.safetensors").is_file()
    measured = _measured(folder)
    return Entry(
        stub=stub,
        title=title_of("bert-demo", "facts", stated.sparsity, stated.quantised),
        architecture="bert-demo",
        layers=4,
        dataset="facts",
        sparsity=stated.sparsity,
        structure=stated.structure,
        quantised=stated.quantised,
        f1=measured.f1,
        exact_match=measured.exact_match,
        figures_from="measured on the held-out part of the facts set" if measured.f1 is not None else None,
        path=folder if training_folder(folder) or recipes(folder) else None,
        has_model=has_model,
        has_recipe=bool(recipes(folder)),
        has_teacher=has_model,
        source="demo",
        place="demo",
        note="" if has_model else f"a recipe; no run has made its model yet: {' '.join(train_command(stub))}",
    )


def _measured(folder: Path) -> Measured:
    try:
        return msgspec.json.decode((folder / "measured.json").read_bytes(), type=Measured)
    except OSError:
        return Measured()
