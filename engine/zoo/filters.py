"""Which entries a person wants to see."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from engine.zoo.entry import Entry


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What entries have to be; None and empty texts ask for nothing.

    Attributes:
        words: Each must occur in stub, title, architecture, data set or source, whatever the case.
        architecture: Its beginning, such as ``bert`` or ``bert-large``, whatever the case.
        layers: Encoder layers.
        min_sparsity: Percent; entries of unknown sparsity are left out where a bound is given.
        max_sparsity: Percent.
        quantised: Whether it must be int8, or must not.
        recipe: Whether a recipe of it must be here, or must not.
        teacher: Whether it must be fit to be a teacher, or must not.
        local: Whether files of it must be on this machine, or must not.
        source: The name of the source that lists it, or of the one that its folder is from.
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


class Index:
    """Entries that are selected from again and again: the texts that words are looked for in are put together once."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self._texts = [_text(entry) for entry in self.entries]

    def select(self, *queries: Query) -> list[Entry]:
        """The entries that are what every query asks for, in their order."""
        words = [word for query in queries for word in query.words.lower().split()]
        found = self._with_words(words) if words else list(self.entries)
        for query in queries:
            for test in _tests(query):
                found = [entry for entry in found if test(entry)]
        return found

    def _with_words(self, words: list[str]) -> list[Entry]:
        places: Iterable[int] = range(len(self.entries))
        for word in words:
            places = [place for place in places if word in self._texts[place]]
        return [self.entries[place] for place in places]


def select(entries: Iterable[Entry], query: Query) -> list[Entry]:
    """The entries that are what `query` asks for, in their order."""
    return Index(entries).select(query)


def _text(entry: Entry) -> str:
    return f"{entry.stub} {entry.title} {entry.architecture} {entry.dataset} {entry.source} {entry.place}".lower()


_Test = Callable[[Entry], bool]


def _tests(query: Query) -> list[_Test]:
    """What an entry must pass; nothing for what is not asked for, since there may be ten thousand entries."""
    architecture, layers, source, task = query.architecture.lower(), query.layers, query.source, query.task
    low, high = query.min_sparsity, query.max_sparsity
    asked: list[tuple[bool, _Test]] = [
        (bool(architecture), lambda entry: entry.architecture.lower().startswith(architecture)),
        (layers is not None, lambda entry: entry.layers == layers),
        (low is not None or high is not None, lambda entry: _within(entry.sparsity, low, high)),
        (query.quantised is not None, lambda entry: entry.quantised == query.quantised),
        (query.recipe is not None, lambda entry: entry.has_recipe == query.recipe),
        (query.teacher is not None, lambda entry: entry.has_teacher == query.teacher),
        (query.local is not None, lambda entry: (entry.path is not None) == query.local),
        (bool(source), lambda entry: source in (entry.source, entry.place)),
        (bool(task), lambda entry: entry.task == task),
    ]
    return [test for wanted, test in asked if wanted]


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value <= high)
