"""Where models, recipes and teachers come from: stubs, catalogue, sources. No torch, no network."""

from engine.zoo.entry import Entry
from engine.zoo.resolve import resolve_model, resolve_recipe, resolve_teacher
from engine.zoo.sources import find_entry, list_entries
from engine.zoo.stubs import Stub, is_stub, parse_stub

__all__ = [
    "Entry",
    "Stub",
    "find_entry",
    "is_stub",
    "list_entries",
    "parse_stub",
    "resolve_model",
    "resolve_recipe",
    "resolve_teacher",
]
