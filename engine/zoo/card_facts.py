"""The facts of a card: each with where it is from, and whether it was stated, inferred, or is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from engine.errors import plain
from engine.zoo.baseline import inferred_baseline
from engine.zoo.catalogue import Fact, Speed
from engine.zoo.entry import Entry
from engine.zoo.marker import read_marker
from engine.zoo.stubs import Stub, is_stub, parse_stub
from engine.zoo.tags import Tag, read_tag

Kind = Literal["stated", "inferred", "unknown"]
_Basis = tuple[str, Kind]
_TASKS = {"question_answering": "question answering", "masked_language_modeling": "backbone (masked words)"}
_CATEGORIES = {
    "conservative": "conservative: 100 % of the dense F1",
    "moderate": "moderate: 99 % of the dense F1 at least",
    "aggressive": "aggressive: less than 99 % of the dense F1",
}


class CardFact(msgspec.Struct, frozen=True, kw_only=True):
    """One line: what, its value as text, where that is from, and whether it was stated or only inferred."""

    label: str
    value: str
    source: str = ""
    kind: Kind = "stated"


def card_facts(entry: Entry, fact: Fact | None, folder: Path | None) -> list[CardFact]:
    """What is known, stated or inferred, and what is not known.

    Args:
        entry: What lists show.
        fact: Its record in the catalogue, where it has one.
        folder: Where its files are, if they are on this machine.
    """
    basis = _basis(entry, fact)
    figures = entry.figures_from or ""
    return [
        *([CardFact(label="also called", value=entry.name_stub)] if entry.name_stub else []),
        _line("task", _TASKS.get(entry.task, entry.task), *basis),
        _line("architecture", entry.architecture, *basis),
        _line("layers", _number(entry.layers), *_of_layers(basis)),
        _line("data set", entry.dataset, *basis),
        _line(
            "sparsity", f"{entry.sparsity:g} %" if entry.sparsity is not None else "", *_from(fact, "sparsity", basis)
        ),
        *([_line("structure", entry.structure or "", *_from(fact, "structure", basis))] if entry.sparsity != 0 else []),
        _line("precision", _precision(entry, fact), *_from(fact, "quantised", basis)),
        *_of_tag(entry.stub),
        _line("F1", _number(entry.f1), figures, "stated"),
        _line("exact match", _number(entry.exact_match), figures, "stated"),
        *_baseline(entry, fact),
        *(_further(fact, entry) if fact is not None else []),
        *_origin(folder),
    ]


def _basis(entry: Entry, fact: Fact | None) -> _Basis:
    """Where the facts of an entry are from by which no document is named."""
    if fact is not None or entry.source in ("catalogue", "demo"):
        return "", "stated"
    if is_stub(entry.stub):
        return "its stub", "inferred"
    return ("its config.json", "stated") if entry.path is not None else ("the hub", "stated")


def _precision(entry: Entry, fact: Fact | None) -> str:
    """A model's configuration does not say that it is not quantised."""
    if entry.quantised:
        return "int8"
    return "float" if fact is not None or is_stub(entry.stub) else ""


def _of_layers(basis: _Basis) -> _Basis:
    """Layers of a folder come from its configuration also where its stub says the rest."""
    return basis if basis[0] != "its stub" else ("", "stated")


def _from(fact: Fact | None, field: Literal["sparsity", "structure", "quantised"], basis: _Basis) -> _Basis:
    stated = (
        {
            "sparsity": fact.sparsity_from,
            "structure": fact.structure_from,
            "quantised": fact.quantised_from,
        }[field]
        if fact is not None
        else None
    )
    return basis if stated is None else (stated, "inferred" if "tag" in stated else "stated")


def _of_tag(name: str) -> list[CardFact]:
    """What only a stub's tag says: how much accuracy is kept, and for which processors it was made."""
    tag = _tag(name)
    if tag is None:
        return []
    kept = f"about {tag.kept:g} % of the dense F1" if tag.kept is not None else _CATEGORIES.get(tag.category or "", "")
    found = [("accuracy kept", kept), ("made for", tag.target or "")]
    return [_line(label, value, "its stub", "inferred") for label, value in found if value]


def _tag(name: str) -> Tag | None:
    stub: Stub | None = parse_stub(name) if is_stub(name) else None
    return read_tag(stub.tag) if stub is not None and stub.is_path else None


def _baseline(entry: Entry, fact: Fact | None) -> list[CardFact]:
    """The F1 of the dense model: the one in the same document, else that of the catalogue's nearest dense one."""
    if fact is not None and fact.baseline_f1 is not None:
        return [_line("dense F1", _kept(entry.f1, fact.baseline_f1), fact.baseline_from or "", "stated")]
    dense = inferred_baseline(entry) if entry.f1 is not None else None
    if dense is None or dense.f1 is None:
        return []
    unsure = "" if entry.layers else ", if this one has all its layers"
    source = f"that of {dense.stub}, of the same shape{unsure}"
    return [_line("dense F1", _kept(entry.f1, dense.f1), source, "inferred")]


def _kept(own: float | None, dense: float) -> str:
    return f"{dense:g}" if own is None else f"{dense:g}; this one keeps {100 * own / dense:.1f} %"


def _further(fact: Fact, entry: Entry) -> list[CardFact]:
    lines: list[CardFact] = []
    if fact.base_model is not None:
        lines.append(_line("made from", fact.base_model, "", "stated"))
    if fact.size_mb is not None:
        lines.append(_line("size", f"{fact.size_mb:g} MB, compressed ONNX", "the documents below", "stated"))
    if fact.recipe_types:
        lines.append(_line("recipes", ", ".join(fact.recipe_types), "the documents below", "stated"))
    if fact.teacher is not None:
        lines.append(_line("as a teacher", fact.teacher, "the documents below", "stated"))
    lines += [_line(speed.metric, _speed(speed), speed.source, "stated") for speed in fact.speeds]
    return lines


def _speed(speed: Speed) -> str:
    sizes = [("batch", speed.batch), ("length", speed.seq_len)]
    stated = ", ".join([f"{name} {size}" for name, size in sizes if size is not None] + [speed.hardware])
    return f"{speed.value:g} {speed.unit} ({stated})"


def _number(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:g}{unit}"


def _line(label: str, value: str, source: str, kind: Kind) -> CardFact:
    if not value:
        return CardFact(label=label, value="unknown", kind="unknown")
    return CardFact(label=label, value=plain(value), source=plain(source), kind=kind)


def _origin(folder: Path | None) -> list[CardFact]:
    marker = read_marker(folder) if folder is not None else None
    if marker is None:
        return []
    revision = f", revision {marker.revision}" if marker.revision else ""
    return [CardFact(label="fetched from", value=plain(f"{marker.source}{revision}"))]
