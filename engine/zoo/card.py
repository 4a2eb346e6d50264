"""Everything that is known of one entry, and what can be done with it or instead of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import UserError, plain
from engine.zoo.card_facts import CardFact, card_facts
from engine.zoo.catalogue import SERVICE_ENDED, Fact, fact_of
from engine.zoo.demo.publish import is_demo_recipe, train_command
from engine.zoo.entry import Entry, may_teach
from engine.zoo.folder import recipes
from engine.zoo.local import own_root
from engine.zoo.source import ZooFile, files_in
from engine.zoo.sources import find_entry, find_folder, is_path, read_name, read_stub, source_of, unknown
from engine.zoo.sparsezoo import URL_VARIABLE, SparseZooSource
from engine.zoo.stubs import is_stub, parse_stub
from engine.zoo.substitutes import Role, Substitute, substitutes

_TEXT_LIMIT = 1 << 18


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
    if entry is None and is_path(name):
        raise _nothing_at(Path(name).expanduser())
    folder = find_folder(name)
    files = files_in(folder).files if folder is not None else _listed(name) if online else ()
    fact = fact_of(entry.stub) if entry is not None else None
    return Card(
        name=entry.stub if entry is not None else name,
        title=entry.title if entry is not None else f"{plain(name)}: nothing is known of it here",
        entry=entry,
        facts=tuple(card_facts(entry, fact, folder)) if entry is not None else (),
        notes=_notes(fact) if fact is not None else (),
        recipes=_recipes(folder),
        files=files,
        folder=folder,
        advice=tuple(_advice(name, entry)),
        substitutes=_instead(entry),
        sources=tuple(fact.sources) if fact is not None else (),
    )


def _nothing_at(path: Path) -> UserError:
    shown = plain(str(path))
    if not path.exists():
        return UserError(f"no such folder: {shown}", "`sqa-tui zoo list` shows what is known")
    what = f"nothing of a model in the folder {shown}" if path.is_dir() else f"not a folder: {shown}"
    return UserError(what, "name a folder that has config.json, a recipe or deployment/")


def _notes(fact: Fact) -> tuple[str, ...]:
    near = (
        f"near it, not its own: {each.recipe}: F1 {each.f1:g} ({each.relation}; {each.source})"
        for each in fact.related
        if each.f1 is not None
    )
    return (*fact.notes, *(f"contradiction: {text}" for text in fact.conflicts), *near)


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
