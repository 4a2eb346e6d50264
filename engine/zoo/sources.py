"""All sources together: the list of all entries, and the one that a name means."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.errors import UserError, plain
from engine.zoo.catalogue import CatalogueSource, listed_as
from engine.zoo.demo.source import DemoSource
from engine.zoo.entry import Entry
from engine.zoo.folder import RECIPE_SUFFIXES, UNREADABLE, WITHOUT_WEIGHTS
from engine.zoo.hub import HubSource
from engine.zoo.local import LocalSource
from engine.zoo.names import check_length, is_hub_name
from engine.zoo.source import Source, State
from engine.zoo.sparsezoo import SparseZooSource
from engine.zoo.stubs import PREFIX, Stub, is_stub, nearest, nearest_hint, normalise, parse_stub

_PATH_SLASHES = 6
_MISSPELT = 0.9
_RANK = {"demo": 0, "local": 1, "catalogue": 2, "hub": 3, "sparsezoo": 4}


def sources() -> list[Source]:
    """All sources; where two hold the same entry, files of the earlier one and facts of the later ones win."""
    return [LocalSource(), DemoSource(), HubSource(), SparseZooSource(), CatalogueSource()]


def source_of(name: str) -> Source:
    """The source of that name. Raises `UserError`, naming all, where there is none."""
    there = sources()
    found = next((source for source in there if source.name == name), None)
    if found is None:
        raise UserError(f"no source {plain(name)!r}", f"there are {', '.join(source.name for source in there)}")
    return found


def probe_all() -> list[tuple[Source, State]]:
    """Every source and whether it can be used, by asking all at once: as long as the slowest takes."""
    there = sources()
    with ThreadPoolExecutor(len(there)) as pool:
        states = [pool.submit(source.probe) for source in there]
        return [(source, state.result()) for source, state in zip(there, states, strict=True)]


def list_entries(there: Sequence[Source] | None = None) -> list[Entry]:
    """Every entry once: the demo zoo first, then local folders, the catalogue and the hub's cache. No network.

    Args:
        there: The sources to ask, in the order of `sources`; all of them by default.
    """
    merged: dict[str, Entry] = {}
    for source in reversed(sources() if there is None else there):
        # Of two folders of one model, the one that has the name of the list comes last and is taken.
        for entry in sorted(source.entries(), key=lambda entry: listed_as(entry.stub) == entry.stub):
            name = listed_as(entry.stub)
            known = merged.get(name)
            merged[name] = entry if known is None else _with_files_of(known, entry)
    return sorted(merged.values(), key=lambda entry: _RANK[entry.source])


def find_entry(text: str) -> Entry | None:
    """The entry of a stub in either grammar, of a hub's repository, or of a folder; None where nothing is known."""
    name = parse_stub(normalise(text)).bare if is_stub(text) else text.strip()
    found: Entry | None = None
    for source in reversed(sources()):
        for alias in _aliases(name):
            entry = source.find(alias)
            if entry is not None:
                found = entry if found is None else _with_files_of(found, entry)
                break
    return found


def _aliases(name: str) -> list[str]:
    """A name, and the ones that the catalogue knows the same entry by."""
    known = CatalogueSource().find(name)
    names = [name, known.stub, known.name_stub] if known is not None else [name]
    return list(dict.fromkeys(each for each in names if each))


def find_folder(name: str) -> Path | None:
    """The folder that holds an entry completely, under its own name or the one it has in the other grammar."""
    for alias in _aliases(name):
        for source in sources():
            folder = source.folder(alias)
            if folder is not None:
                return folder
    return None


class Found(NamedTuple):
    """What sources have for some words, and why the others could not be asked, by their names."""

    entries: list[Entry]
    refused: dict[str, UserError]


def search(words: str, source: str | None = None, limit: int = 50) -> list[Entry]:
    """The entries of `search_all`."""
    return search_all(words, source, limit).entries


def search_all(words: str, source: str | None = None, limit: int = 50) -> Found:
    """What the sources that can be asked have for some words. Uses the network.

    Args:
        words: Each must occur; empty for everything.
        source: One source's name; None for all that can fetch.
        limit: Of each source.

    Raises:
        UserError: None of them (or not the named one) could be asked.
    """
    asked = [source_of(source)] if source else [each for each in sources() if each.can_fetch]
    found: dict[str, Entry] = {}
    refused: dict[str, UserError] = {}
    for each in asked:
        try:
            for entry in _asked(each, words, limit):
                found.setdefault(entry.stub, _known_as(entry))
        except UserError as error:
            refused[each.name] = error
    if len(refused) == len(asked):
        raise _nobody(refused)
    return Found(list(found.values()), refused)


def _asked(source: Source, words: str, limit: int) -> list[Entry]:
    state = source.state()
    if not state.usable and state.word != "empty":
        raise UserError(state.reason)
    return source.search(words, limit)


def _nobody(refused: Mapping[str, UserError]) -> UserError:
    if len(refused) == 1:
        [(name, error)] = refused.items()
        return UserError(f"the source {name} cannot be asked: {error.message}", error.hint)
    return UserError("no source can be asked", "; ".join(f"{name}: {error}" for name, error in refused.items()))


def _known_as(entry: Entry) -> Entry:
    """What is known here of an entry that a server named; else what the server says."""
    return find_entry(entry.stub) or entry


def known_stubs() -> list[str]:
    """Every stub of the catalogue and of the demo zoo, in both grammars."""
    entries = [*DemoSource().entries(), *CatalogueSource().entries()]
    names = (name for entry in entries for name in (entry.stub, entry.name_stub))
    return [name for name in names if name and is_stub(name)]


def read_stub(text: str) -> Stub:
    """The normalised stub that a user wrote; the error of a wrong one names the nearest known stub."""
    try:
        return parse_stub(normalise(text))
    except UserError as error:
        hint = nearest_hint(text, known_stubs())
        raise UserError(error.message, hint or error.hint) from None


def other_grammar(text: str) -> Stub | None:
    """The same stub in the other grammar, its parameters kept; None where no document attests one.

    Raises:
        UserError: `text` is no stub.
    """
    stub = read_stub(text)
    entry = CatalogueSource().find(stub.bare)
    other = next((name for name in (entry.stub, entry.name_stub) if name != stub.bare), None) if entry else None
    return msgspec.structs.replace(parse_stub(other), parameters=stub.parameters) if other else None


def same_model(first: str, second: str) -> bool:
    """Whether two stubs name one model: without their parameters, in either grammar."""
    one, other = read_stub(first), read_stub(second)
    return other.bare in _aliases(one.bare)


def meant_as_stub(text: str) -> bool:
    """Whether `text` is a stub, perhaps without its prefix; a folder of that name is meant before a stub.

    Seven parts make a path stub, for neither folder nor hub name looks so; a name stub has to be a known one.
    """
    if is_stub(text):
        return True
    if not text or is_path(text) or text.endswith(RECIPE_SUFFIXES):
        return False
    bare = text.partition("?")[0].rstrip("/")
    return bare.count("/") == _PATH_SLASHES or CatalogueSource().find(f"{PREFIX}{bare}") is not None


def is_path(text: str) -> bool:
    """Whether `text` can only be a path of this machine: it is written as one, or something is there."""
    return text.startswith(("/", ".", "~")) or os.path.exists(text)


def read_name(text: str) -> str:
    """What a user wrote as an entry's name: a stub without parameters, an absolute folder or a hub id as it is.

    Raises:
        UserError: It is none of them, or looks like a known stub that is misspelt.
    """
    check_length(text)
    if meant_as_stub(text):
        return read_stub(text).bare
    folder, name = os.path.expanduser(text), text.strip()
    if os.path.isdir(folder):
        return os.path.abspath(folder)
    if not is_path(text) and (not is_hub_name(name) or _is_misspelt(name)):
        hint = nearest_hint(name, known_stubs()) or "`sqa-tui zoo list` shows names"
        raise UserError(f"neither a known stub nor a folder nor a name of the hub: {plain(text, 200)}", hint)
    return name


def _is_misspelt(name: str) -> bool:
    """Whether a name of one part is almost a name stub: the hub has names of one part too."""
    return "/" not in name and bool(nearest(name, known_stubs(), likeness=_MISSPELT))


def unknown(stub: Stub) -> UserError:
    """The error for a stub that no source knows."""
    hint = nearest_hint(stub.bare, known_stubs()) or "sqa-tui zoo list shows what is known"
    return UserError(f"no such model in the zoo: {plain(stub.bare)}", hint)


def _with_files_of(known: Entry, local: Entry) -> Entry:
    """What is known of a stub, with the folder that was found for it."""
    if local.path is None:
        return known
    note = "" if local.has_model else local.note if local.note in (UNREADABLE, WITHOUT_WEIGHTS) else known.note
    return msgspec.structs.replace(
        known,
        path=local.path,
        place=local.place,
        has_model=local.has_model,
        has_recipe=known.has_recipe or local.has_recipe,
        has_teacher=local.has_teacher,
        note=note,
    )
