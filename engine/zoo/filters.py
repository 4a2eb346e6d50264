"""Which entries a person wants to see."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.zoo.entry import Entry


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What entries have to be; None and empty texts ask for nothing.

    Attributes:
        words: Each must occur in stub, title, architecture, data set or source, whatever the case.
        architecture: Its beginning, such as ``bert`` or ``bert-large``.
        layers: Encoder layers.
        min_sparsity: Percent; entries of unknown sparsity are left out where a bound is given.
        max_sparsity: Percent.
        quantised: Whether it must be int8, or must not.
        recipe: Whether a recipe of it must be here, or must not.
        teacher: Whether it must be fit to be a teacher, or must not.
        local: Whether files of it must be on this machine, or must not.
        source: The source's name.
        task: ``question_answering`` or ``masked_language_modeling``.
    """

    words: str = ""
    architecture: str = ""
    layers: int | None = None
    min_sparsity: float | None = None
    max_sparsity: float | None = None
    quantised: bool | None = None
    recipe: bool | None = None
    teacher: bool | None = None
    local: bool | None = None
    source: str = ""
    task: str = ""


def select(entries: Iterable[Entry], query: Query) -> list[Entry]:
    """The entries that are what `query` asks for, in their order."""
    words = query.words.lower().split()
    return [entry for entry in entries if _fits(entry, query) and _has_words(entry, words)]


def _fits(entry: Entry, query: Query) -> bool:
    return (
        entry.architecture.startswith(query.architecture)
        and (query.layers is None or entry.layers == query.layers)
        and _within(entry.sparsity, query.min_sparsity, query.max_sparsity)
        and _is(entry.quantised, query.quantised)
        and _is(entry.has_recipe, query.recipe)
        and _is(entry.has_teacher, query.teacher)
        and _is(entry.path is not None, query.local)
        and query.source in ("", entry.source)
        and query.task in ("", entry.task)
    )


def _is(value: bool, wanted: bool | None) -> bool:
    return wanted is None or value == wanted


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def _has_words(entry: Entry, words: list[str]) -> bool:
    if not words:
        return True
    text = f"{entry.stub} {entry.title} {entry.architecture} {entry.dataset} {entry.source}".lower()
    return all(word in text for word in words)
