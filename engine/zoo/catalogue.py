"""What is publicly known of SparseZoo's question-answering models: facts only, always there, no files.

``catalogue.jsonl`` has one record a line, with the source of every figure; ``scripts/make_catalogue.py`` writes it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from engine.zoo.entry import Entry, title_of
from engine.zoo.source import FixedSource, State
from engine.zoo.stubs import is_stub

FILE = Path(__file__).parent / "catalogue.jsonl"
SERVICE_ENDED = "the SparseZoo service ended in June 2025"


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """One published measurement of speed, with the machine and the document it is from."""

    metric: str
    value: float
    unit: str
    hardware: str
    source: str
    batch: int | None = None
    seq_len: int | None = None


class Related(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of something near: `relation` says why they are not those of the file itself."""

    recipe: str
    relation: str
    source: str
    f1: float | None = None
    em: float | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the catalogue; the fields are those of `Entry` with where each figure is from.

    ``…_from`` is ``documented``, or says that the value was read from the stub's tag; None where it is unknown.
    `baseline_f1` is that of the dense model in the same document. `size_mb` is that of the compressed ONNX file.
    `recipe_types` are names of recipes that documents mention. `teacher` says whether a document uses it as a teacher.
    """

    id: str
    name_stub: str | None = None
    task: str
    architecture: str
    layers: int | None = None
    dataset: str
    sparsity: float | None = None
    sparsity_from: str | None = None
    structure: str | None = None
    structure_from: str | None = None
    quantised: bool = False
    quantised_from: str | None = None
    base_model: str | None = None
    f1: float | None = None
    exact_match: float | None = None
    figures_from: str | None = None
    baseline_f1: float | None = None
    baseline_from: str | None = None
    size_mb: float | None = None
    recipe_types: list[str] = []
    teacher: str | None = None
    speeds: list[Speed] = []
    related: list[Related] = []
    notes: list[str] = []
    conflicts: list[str] = []
    sources: list[str] = []


@cache
def facts() -> tuple[Fact, ...]:
    """Every record, in the file's order."""
    return tuple(msgspec.json.Decoder(Fact).decode_lines(FILE.read_bytes()))


def fact_of(name: str) -> Fact | None:
    """The record of one stub (in either grammar) or hub id."""
    return next((fact for fact in facts() if name in (fact.id, fact.name_stub)), None)


@cache
def _by_name_stub() -> dict[str, str]:
    return {fact.name_stub: fact.id for fact in reversed(facts()) if fact.name_stub}


def listed_as(name: str) -> str:
    """The name that lists have for it: that of the catalogue's record, where `name` is the other grammar's."""
    return _by_name_stub().get(name, name)


class CatalogueSource(FixedSource):
    """The built-in facts: they can be listed, and nothing can be fetched from here."""

    name = "catalogue"
    title = "what is publicly known of SparseZoo"

    def state(self) -> State:
        """Always ready, and always without files."""
        return State("ready", f"facts only: {SERVICE_ENDED}")

    def entries(self) -> list[Entry]:
        """An entry for every record."""
        return list(_entries())


@cache
def _entries() -> tuple[Entry, ...]:
    return tuple(_entry(fact) for fact in facts())


def _entry(fact: Fact) -> Entry:
    hub_note = "on the Hugging Face hub: fetched there at first use, which needs the network"
    return Entry(
        stub=fact.id,
        name_stub=fact.name_stub if fact.name_stub != fact.id else None,
        title=title_of(fact.architecture, fact.dataset, fact.sparsity, fact.quantised),
        architecture=fact.architecture,
        layers=fact.layers,
        dataset=fact.dataset,
        task=fact.task,
        sparsity=fact.sparsity,
        structure=fact.structure,
        quantised=fact.quantised,
        f1=fact.f1,
        exact_match=fact.exact_match,
        figures_from=fact.figures_from,
        source="catalogue" if is_stub(fact.id) else "hub",
        note=SERVICE_ENDED if is_stub(fact.id) else hub_note,
    )
