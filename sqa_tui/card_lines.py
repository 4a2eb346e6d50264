"""A zoo card as lines: every figure with a number that stands for the document it is from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.errors import UserError, plain
from engine.zoo.card import Card, show
from engine.zoo.card_facts import CardFact
from engine.zoo.trio import Suggestion, trio
from sqa_tui.formatting import short_name, size
from sqa_tui.widgets.card_pane import CardLine

FILES_SHOWN = 40
"""So many files are listed by name."""


@dataclass(frozen=True)
class CardView:
    """A card with the recipe and teacher that go with it."""

    name: str
    card: Card
    trio: tuple[Suggestion, ...]


def read_card(name: str) -> CardView:
    """Everything known of an entry. Reads the disk; raises `UserError` for one that nobody knows any more."""
    card = show(name)
    return CardView(name, card, trio(card.entry) if card.entry is not None else ())


def card_lines(view: CardView) -> list[CardLine]:
    """The page: what it is, its facts, what goes with it, what to do, files, recipes, documents."""
    card, documents = view.card, _Documents()
    lines = [CardLine(plain(card.name), "primary", bold=True), CardLine(plain(card.title), bold=True)]
    lines += [documents.fact(fact) for fact in card.facts]
    with_it = [each for each in view.trio if each.role != "model" or each.name != card.name]
    lines += _section("goes with it", [_suggestion(each, documents) for each in with_it])
    lines += _section("what to do", [CardLine(f"· {plain(text)}") for text in card.advice])
    instead = [CardLine(f"· {each.role}: {plain(each.name)} ({plain(each.why)})") for each in card.substitutes]
    lines += _section("instead: other models, not this one", instead)
    lines += _section("notes", [CardLine(f"· {plain(text)}", "muted") for text in card.notes])
    lines += _section(f"files in {plain(str(card.folder))}" if card.folder else "files", _files(card))
    for recipe in card.recipes:
        text = [CardLine(_kept(line), verbatim=True) for line in recipe.text.splitlines()]
        lines += _section(f"recipe {recipe.name or '(default)'}: {plain(str(recipe.path))}", text)
    return lines + _section("where the facts are from", documents.lines(card.sources))


def failed_lines(name: str, error: UserError) -> list[CardLine]:
    """The page of an entry that cannot be read."""
    return [CardLine(plain(name), "primary", bold=True), CardLine(plain(str(error)), "state-failed")]


class _Documents:
    """Documents by the numbers that lines have for them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, source: str) -> str:
        """`` [2]``; nothing where no document is named."""
        return f" [{self._numbers.setdefault(source, len(self._numbers) + 1)}]" if source else ""

    def fact(self, fact: CardFact) -> CardLine:
        if fact.kind == "unknown":
            return CardLine("unknown", "muted", fact.label)
        if fact.kind == "inferred":
            return CardLine(f"{fact.value} (inferred: {fact.source})", "muted", fact.label)
        named = "" if fact.source in ("documented", "the documents below") else fact.source
        return CardLine(f"{fact.value}{self.mark(named)}", "foreground", fact.label)

    def lines(self, further: Iterable[str]) -> list[CardLine]:
        numbered = [CardLine(f"[{number}] {plain(source)}", "muted") for source, number in self._numbers.items()]
        return numbered + [CardLine(f"· {plain(text)}", "muted") for text in further if text not in self._numbers]


def _section(heading: str, lines: Sequence[CardLine]) -> list[CardLine]:
    return [CardLine(), CardLine(heading, "emphasis", bold=True), *lines] if lines else []


def _suggestion(each: Suggestion, documents: _Documents) -> CardLine:
    why = f"documented{documents.mark(each.why)}" if each.documented else f"our guess: {each.why}"
    return CardLine(f"{plain(short_name(each.name))} ({why})", label=each.role)


def _files(card: Card) -> list[CardLine]:
    shown = [CardLine(plain(file.path), label=size(file.size) or "?") for file in card.files[:FILES_SHOWN]]
    more = len(card.files) - len(shown)
    total = sum(file.size or 0 for file in card.files)
    last = [CardLine(f"{'and ' + str(more) + ' more, ' if more else ''}{size(total)} in all", "muted")] if shown else []
    return shown + last


def _kept(line: str) -> str:
    """A line of foreign text with its indentation."""
    expanded = line.expandtabs(4)
    indent = len(expanded) - len(expanded.lstrip(" "))
    return " " * indent + plain(expanded, 1000)
