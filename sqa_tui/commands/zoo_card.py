"""A zoo card on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

from engine.errors import plain
from engine.zoo.card import Card, CardFact
from engine.zoo.source import ZooFile
from sqa_tui.formatting import size

_MARKS = {"stated": "", "inferred": " (inferred)", "unknown": ""}


def print_card(card: Card) -> None:
    """The whole card as lines of text; recipes with their text."""
    click.echo(f"{plain(card.name)}\n{plain(card.title)}")
    _print("What is known", (_fact(fact) for fact in card.facts), keep=True)
    _print("Notes", card.notes)
    _print("What to do", card.advice)
    _print("Instead (other models, not this one)", (f"{other.flags}: {other.why}" for other in card.substitutes))
    _print(f"Files in {card.folder}" if card.folder else "Files", (_file(file) for file in card.files), keep=True)
    for recipe in card.recipes:
        _print(f"Recipe {recipe.name or '(default)'}: {recipe.path}", recipe.text.splitlines(), keep=True)
    _print("The facts are from", card.sources)


def _print(heading: str, lines: Iterable[str], *, keep: bool = False) -> None:
    shown = [f"  {_kept(line) if keep else plain(line)}" for line in lines]
    if shown:
        click.echo("\n".join(["", plain(heading), *shown]))


def _kept(line: str) -> str:
    """A line with its blanks, which `plain` makes one of each run."""
    return "".join(word if word.isspace() else plain(word) for word in re.split(r"( +)", line.expandtabs(4)))


def _fact(fact: CardFact) -> str:
    source = f"   [{fact.source}]" if fact.source else ""
    return f"{fact.label:<14}{fact.value}{_MARKS[fact.kind]}{source}"


def _file(file: ZooFile) -> str:
    return f"{size(file.size):>10}  {file.path}"
