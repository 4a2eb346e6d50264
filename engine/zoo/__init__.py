"""Where models, recipes and teachers come from: stubs, catalogue, sources, downloads. No torch."""

from engine.zoo.downloads import Fetch, start_fetch
from engine.zoo.entry import Entry
from engine.zoo.fetching import fetch
from engine.zoo.resolve import Missing, missing, resolve_model, resolve_recipe, resolve_teacher
from engine.zoo.source import FetchCancelled, Part, Progress, Source, State
from engine.zoo.sources import find_entry, list_entries, search, source_of, sources
from engine.zoo.stubs import Stub, is_stub, parse_stub
from engine.zoo.substitutes import Substitute, substitutes

__all__ = [
    "Entry",
    "Fetch",
    "FetchCancelled",
    "Missing",
    "Part",
    "Progress",
    "Source",
    "State",
    "Stub",
    "Substitute",
    "fetch",
    "find_entry",
    "is_stub",
    "list_entries",
    "missing",
    "parse_stub",
    "resolve_model",
    "resolve_recipe",
    "resolve_teacher",
    "search",
    "source_of",
    "sources",
    "start_fetch",
    "substitutes",
]
