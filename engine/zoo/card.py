"""Everything that is known of one entry, and what can be done with it or instead of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import UserError, plain
from engine.zoo.advice import advice
from engine.zoo.card_facts import CardFact, card_facts
from engine.zoo.catalogue import Fact, fact_of
from engine.zoo.demo.publish import is_demo_recipe
from engine.zoo.entry import Entry, may_teach
from engine.zoo.folder import no_recipe, recipe_name, recipes
from engine.zoo.marker import is_whole, read_marker
from engine.zoo.source import ZooFile, files_in
from engine.zoo.sources import (
    find_entry,
    find_folder,
    is_path,
    meant_as_stub,
    read_name,
    read_stub,
    source_of,
    unknown,
)
from engine.zoo.sparsezoo import SparseZooSource
from engine.zoo.stubs import is_stub
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
        text: As a user wrote it; the recipe that a stub's parameters ask for comes first.
        online: Ask a source for the files, where none are on this machine; uses the network.

    Raises:
        UserError: A wrong stub, or one that no source knows, or has no such recipe; with `online`, a source that
            cannot be asked.
    """
    name = read_name(text)
    entry = find_entry(name)
    if entry is None and is_stub(name) and not SparseZooSource().state().usable:
        raise unknown(read_stub(name))
    if entry is None and is_path(name):
        raise _nothing_at(Path(name).expanduser())
    folder = find_folder(name)
    recipe = _asked_for(text, folder)
    files = files_in(folder).files if folder is not None else _listed(name) if online else ()
    fact = fact_of(entry.stub) if entry is not None else None
    return Card(
        name=entry.stub if entry is not None else name,
        title=entry.title if entry is not None else f"{plain(name)}: nothing is known of it here",
        entry=entry,
        facts=tuple(card_facts(entry, fact, folder)) if entry is not None else (),
        notes=(*_unattested(recipe, fact, folder), *(_notes(fact) if fact is not None else ())),
        recipes=_recipes(folder, recipe),
        files=files,
        folder=folder,
        advice=tuple(advice(name, entry, folder, recipe)),
        substitutes=_instead(entry),
        sources=tuple(fact.sources) if fact is not None else (),
    )


def _asked_for(text: str, folder: Path | None) -> str | None:
    """The name of the recipe that a stub's parameters ask for; an error where there are others alone."""
    stub = read_stub(text) if meant_as_stub(text) else None
    wanted = recipe_name(stub) if stub is not None else None
    if stub is not None and wanted and folder is not None and wanted not in (found := recipes(folder)):
        raise no_recipe(stub, wanted, found)
    return wanted


def _unattested(recipe: str | None, fact: Fact | None, folder: Path | None) -> tuple[str, ...]:
    known = fact.recipe_types if fact is not None else []
    if recipe is None or folder is not None or recipe in known:
        return ()
    others = f"; they mention {', '.join(known)}" if known else ""
    return (f"no document mentions a recipe {plain(recipe)!r} of it{others}",)


def _nothing_at(path: Path) -> UserError:
    shown, marker = plain(str(path)), read_marker(path)
    if marker is not None and not is_whole(path):
        again = f"sqa-tui zoo fetch {plain(marker.name)}"
        return UserError(f"the download in {shown} lost or broke a file", f"fetch it again: {again}")
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
    if not state.usable:
        raise UserError(f"nobody can be asked for the files of {plain(name)}: {state.reason}", "leave --online out")
    return source.files(name).files


def _recipes(folder: Path | None, first: str | None) -> tuple[CardRecipe, ...]:
    found = recipes(folder).items() if folder is not None else ()
    ordered = sorted(found, key=lambda item: item[0] != first)
    return tuple(CardRecipe(name=name, path=path, text=_text(path)) for name, path in ordered)


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_TEXT_LIMIT)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


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
