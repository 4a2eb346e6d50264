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


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the catalogue; the fields are those of `Entry` with where each figure is from."""

    id: str
    name_stub: str | None = None
    task: str
    architecture: str
    layers: int | None = None
    dataset: str
    sparsity: float | None = None
    sparsity_from: str | None = None
    structure: str | None = None
    quantised: bool = False
    f1: float | None = None
    exact_match: float | None = None
    figures_from: str | None = None
    notes: list[str] = []
    conflicts: list[str] = []
    sources: list[str] = []


@cache
def facts() -> tuple[Fact, ...]:
    """Every record, in the file's order."""
    return tuple(msgspec.json.Decoder(Fact).decode_lines(FILE.read_bytes()))


class CatalogueSource(FixedSource):
    """The built-in facts: they can be listed, and nothing can be fetched from here."""

    name = "catalogue"
    title = "what is publicly known of SparseZoo"

    def state(self) -> State:
        """Always ready, and always without files."""
        return State("ready", f"facts only: {SERVICE_ENDED}")

    def entries(self) -> list[Entry]:
        """An entry for every record."""
        return [_entry(fact) for fact in facts()]


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
