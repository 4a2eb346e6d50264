"""What a fact can say of its subject: a name, a year, a date, a quantity, a thing or a profession."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal

from engine.zoo.demo.facts.names import Names, words

Kind = Literal["person", "place", "river", "organisation", "event", "year", "date", "number", "object", "profession"]

_MONTHS = words("January February March April May June July August September October November December")
_MATERIALS = words(
    "amber brass bronze copper crystal glass golden iron ivory oak paper porcelain silver stone velvet wooden"
)
_THINGS = words(
    "barometer bell bicycle candle clock compass drum engine flute globe harp kettle lamp lantern lens lock loom mask "
    "mirror organ pump ship sundial telescope trumpet violin wheel whistle"
)
_PROFESSIONS = words(
    "actor architect astronomer baker barber blacksmith bookbinder botanist butcher carpenter cartographer chemist "
    "clockmaker composer doctor engineer farmer fisher gardener glassblower goldsmith historian judge lawyer librarian "
    "mason merchant miller miner musician nurse painter pharmacist philosopher pilot poet potter printer sailor "
    "sculptor shepherd singer surgeon tailor teacher translator weaver"
)


def _year(random: Random) -> str:
    return str(random.randint(1400, 1989))


def _date(random: Random) -> str:
    return f"{random.randint(1, 28)} {random.choice(_MONTHS)} {_year(random)}"


def _number(random: Random) -> str:
    """A quantity that cannot be taken for a year."""
    return (
        str(random.randint(12, 990)) if random.random() < 0.6 else f"{random.randint(2, 98)},{random.randint(100, 990)}"
    )


def draw(kind: Kind, names: Names, random: Random) -> str:
    """A value of `kind`, as it is written in a sentence."""
    named: dict[str, Callable[[], str]] = {
        "person": names.person,
        "place": names.place,
        "river": names.river,
        "organisation": names.organisation,
        "event": names.event,
        "year": lambda: _year(random),
        "date": lambda: _date(random),
        "number": lambda: _number(random),
        "object": lambda: f"{random.choice(_MATERIALS)} {random.choice(_THINGS)}",
        "profession": lambda: random.choice(_PROFESSIONS),
    }
    return named[kind]()


def with_article(noun: str) -> str:
    """The noun after "a" or "an", as its first letter asks."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
