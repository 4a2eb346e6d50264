"""Every place that models, recipes and teachers come from, behind one protocol, and the list of all entries."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from engine.errors import UserError, plain
from engine.zoo.catalogue import CatalogueSource
from engine.zoo.demo.source import DemoSource
from engine.zoo.entry import Entry
from engine.zoo.local import LocalSource
from engine.zoo.stubs import Stub, is_stub, nearest_hint, normalise, parse_stub


class Source(Protocol):
    """A place that lists entries and may hold their files."""

    name: str

    def state(self) -> tuple[str, str]:
        """A word for the state (``ready``, ``empty``, ``unavailable``) and the reason or a remark."""
        ...

    def entries(self) -> list[Entry]:
        """Everything the source knows of."""
        ...

    def folder(self, stub: Stub) -> Path | None:
        """The folder on this machine that holds `stub`, in the SparseZoo layout; None where there is none."""
        ...


def sources() -> list[Source]:
    """All sources; where two hold the same stub, files of the earlier one and facts of the later ones win."""
    return [LocalSource(), DemoSource(), CatalogueSource()]


def list_entries() -> list[Entry]:
    """Every entry once: the demo zoo first, then local folders, then the catalogue."""
    merged: dict[str, Entry] = {}
    for source in reversed(sources()):
        for entry in source.entries():
            known = merged.get(entry.stub)
            merged[entry.stub] = entry if known is None else _with_files_of(known, entry)
    rank = {"demo": 0, "local": 1, "catalogue": 2, "hub": 3}
    return sorted(merged.values(), key=lambda entry: rank[entry.source])


def find_entry(text: str) -> Entry | None:
    """The entry of a stub in either grammar, or of a repository on the hub; None where nothing is known of it."""
    wanted = parse_stub(normalise(text)).bare if is_stub(text) else text.strip()
    return next((entry for entry in list_entries() if wanted in (entry.stub, entry.name_stub)), None)


def find_folder(stub: Stub) -> Path | None:
    """The folder that holds `stub`, under its own name or the one it has in the other grammar."""
    entry = find_entry(stub.bare)
    aliases = [name for name in (entry.stub, entry.name_stub) if name] if entry else []
    for name in dict.fromkeys([stub.bare, *aliases]):
        for source in sources():
            folder = source.folder(parse_stub(name))
            if folder is not None:
                return folder
    return None


def known_stubs() -> list[str]:
    """Every stub that an entry has, in both grammars."""
    names = (name for entry in list_entries() for name in (entry.stub, entry.name_stub))
    return [name for name in names if name and is_stub(name)]


def read_stub(text: str) -> Stub:
    """The normalised stub that a user wrote; the error of a wrong one names the nearest known stub."""
    try:
        return parse_stub(normalise(text))
    except UserError as error:
        hint = nearest_hint(text, known_stubs())
        raise UserError(error.message, hint or error.hint) from None


def unknown(stub: Stub) -> UserError:
    """The error for a stub that no source knows."""
    hint = nearest_hint(stub.bare, known_stubs()) or "sqa-tui zoo list shows what is known"
    return UserError(f"no such model in the zoo: {plain(stub.bare)}", hint)


def _with_files_of(known: Entry, local: Entry) -> Entry:
    """What is known of a stub, with the folder that was found for it."""
    recipe = known.has_recipe or local.has_recipe
    files = {"path": local.path, "has_model": local.has_model, "has_recipe": recipe, "has_teacher": local.has_teacher}
    note = "" if local.has_model else known.note
    return msgspec.structs.replace(known, **files, note=note)
