"""Everything that is known of one entry, and what can be done with it or instead of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from engine.errors import UserError, plain
from engine.zoo.catalogue import SERVICE_ENDED, Fact, facts
from engine.zoo.demo.publish import is_demo_recipe, train_command
from engine.zoo.entry import Entry, may_teach
from engine.zoo.folder import recipes
from engine.zoo.local import own_root
from engine.zoo.marker import read_marker
from engine.zoo.source import ZooFile, files_in
from engine.zoo.sources import find_entry, find_folder, read_name, read_stub, source_of, unknown
from engine.zoo.sparsezoo import URL_VARIABLE, SparseZooSource
from engine.zoo.stubs import is_stub, parse_stub
from engine.zoo.substitutes import Role, Substitute, substitutes

Kind = Literal["stated", "inferred", "unknown"]
_TEXT_LIMIT = 1 << 18


class CardFact(msgspec.Struct, frozen=True, kw_only=True):
    """One line: what, its value as text, where that is from, and whether it was stated or only inferred."""

    label: str
    value: str
    source: str = ""
    kind: Kind = "stated"


class CardRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe: what follows ``recipe`` in its file's name (empty for the default one), its file and its text."""

    name: str
    path: Path
    text: str


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as a page.

    Attributes:
        name: As commands take it: stub or hub id.
        title: A line.
        entry: None where nothing is known but the name.
        facts: In the order in which they are shown.
        notes: Remarks, and statements of sources that contradict each other.
        recipes: Those that are on this machine.
        files: Those on this machine, else those that a source was asked for.
        folder: Where the files are.
        advice: What to do now, one command or remark a line.
        substitutes: What could be taken instead, where something of it cannot be had.
        sources: Documents that the facts are from.
    """

    name: str
    title: str
    entry: Entry | None
    facts: tuple[CardFact, ...] = ()
    notes: tuple[str, ...] = ()
    recipes: tuple[CardRecipe, ...] = ()
    files: tuple[ZooFile, ...] = ()
    folder: Path | None = None
    advice: tuple[str, ...] = ()
    substitutes: tuple[Substitute, ...] = ()
    sources: tuple[str, ...] = ()


def show(text: str, *, online: bool = False) -> Card:
    """The card of a stub, a hub id or a model's folder.

    Args:
        text: As a user wrote it.
        online: Ask a source for the files, where none are on this machine; uses the network.

    Raises:
        UserError: A wrong stub, or one that no source knows; with `online`, a source that cannot be asked.
    """
    name = read_name(text)
    entry = find_entry(name)
    if entry is None and is_stub(name) and SparseZooSource().state().word != "ready":
        raise unknown(read_stub(name))
    folder = find_folder(name)
    files = files_in(folder).files if folder is not None else _listed(name) if online else ()
    fact = next((each for each in facts() if entry is not None and each.id == entry.stub), None)
    return Card(
        name=entry.stub if entry is not None else name,
        title=entry.title if entry is not None else f"{plain(name)}: nothing is known of it here",
        entry=entry,
        facts=tuple(_facts(entry, fact, folder)) if entry is not None else (),
        notes=(*fact.notes, *(f"contradiction: {text}" for text in fact.conflicts)) if fact is not None else (),
        recipes=_recipes(folder),
        files=files,
        folder=folder,
        advice=tuple(_advice(name, entry)),
        substitutes=_instead(entry),
        sources=tuple(fact.sources) if fact is not None else (),
    )


def _listed(name: str) -> tuple[ZooFile, ...]:
    source = source_of("sparsezoo" if is_stub(name) else "hub")
    state = source.state()
    if state.word != "ready":
        raise UserError(f"nobody can be asked for the files of {plain(name)}: {state.reason}", "leave --online out")
    return source.files(name).files


def _recipes(folder: Path | None) -> tuple[CardRecipe, ...]:
    found = recipes(folder).items() if folder is not None else ()
    return tuple(CardRecipe(name=name, path=path, text=_text(path)) for name, path in found)


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_TEXT_LIMIT)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _facts(entry: Entry, fact: Fact | None, folder: Path | None) -> list[CardFact]:
    """What is known, stated or inferred, and what is not known."""
    basis, kind = _basis(entry, fact)
    of_sparsity: tuple[str, Kind] = (basis, kind)
    if fact is not None and fact.sparsity_from is not None:
        of_sparsity = (fact.sparsity_from, "inferred" if "tag" in fact.sparsity_from else "stated")
    figures = entry.figures_from or ""
    return [
        *([CardFact(label="also called", value=entry.name_stub)] if entry.name_stub else []),
        _line("task", entry.task.replace("_", " "), basis, kind),
        _line("architecture", entry.architecture, basis, kind),
        _line("layers", _number(entry.layers), "", "stated"),
        _line("data set", entry.dataset, basis, kind),
        _line("sparsity", _sparsity(entry), *of_sparsity),
        _line("precision", "int8" if entry.quantised else "float", basis, kind),
        _line("F1", _number(entry.f1), figures, "stated"),
        _line("exact match", _number(entry.exact_match), figures, "stated"),
        *_origin(folder),
    ]


def _basis(entry: Entry, fact: Fact | None) -> tuple[str, Kind]:
    """Where the facts of an entry are from by which no document is named."""
    if fact is not None or entry.source in ("catalogue", "demo"):
        return "", "stated"
    if is_stub(entry.stub):
        return "its stub", "inferred"
    return ("its config.json", "stated") if entry.path is not None else ("the hub", "stated")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _line(label: str, value: str, source: str, kind: Kind) -> CardFact:
    if not value:
        return CardFact(label=label, value="unknown", kind="unknown")
    return CardFact(label=label, value=plain(value), source=plain(source), kind=kind)


def _sparsity(entry: Entry) -> str:
    if entry.sparsity is None:
        return ""
    structure = f", {entry.structure}" if entry.structure and entry.sparsity else ""
    return f"{entry.sparsity:g} %{structure}"


def _origin(folder: Path | None) -> list[CardFact]:
    marker = read_marker(folder) if folder is not None else None
    if marker is None:
        return []
    revision = f", revision {marker.revision}" if marker.revision else ""
    return [CardFact(label="fetched from", value=plain(f"{marker.source}{revision}"))]


def _advice(name: str, entry: Entry | None) -> list[str]:
    """What to do to have it, or what to do with it."""
    shown = plain(name)
    lines: list[str] = []
    if entry is not None and entry.has_model:
        lines.append(f"as a model: --model_name_or_path {shown}")
    if entry is not None and entry.has_teacher:
        lines.append(f"as a teacher: --distill_teacher {shown}")
    if entry is not None and entry.has_recipe:
        lines.append(f"its recipe: --recipe {shown}")
    if entry is None or not entry.has_model:
        lines += _how_to_get(name)
    return lines


def _how_to_get(name: str) -> list[str]:
    if not is_stub(name):
        return [f"fetch it: sqa-tui zoo fetch {plain(name)} (a run does so by itself)"]
    if is_demo_recipe(name):
        return [f"make its model: {' '.join(train_command(name))}"]
    if SparseZooSource().state().word == "ready":
        return [f"fetch it: sqa-tui zoo fetch {name}"]
    place = own_root() / parse_stub(name).identity
    return [
        f"it cannot be had from here: {SERVICE_ENDED}",
        f"if you have its folder: put it at {place}",
        f"if you have a SparseZoo server: name it in {URL_VARIABLE}, then sqa-tui zoo fetch {name}",
    ]


def _instead(entry: Entry | None) -> tuple[Substitute, ...]:
    """Substitutes for the roles that an entry cannot take."""
    if entry is None or not is_stub(entry.stub) or is_demo_recipe(entry.stub):
        return ()
    roles: list[Role] = []
    if not entry.has_model:
        roles.append("model")
        if may_teach(entry):
            roles.append("teacher")
    if not entry.has_recipe:
        roles.append("recipe")
    return tuple(other for role in roles for other in substitutes(entry, role))
