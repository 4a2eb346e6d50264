"""Names that no one bears: composed from syllables, every word in exactly one part of the data.

A word belongs to the held-out part or to the train part by a checksum of its letters, so that any number of generators
with any seeds never share a name across the two parts.
"""

from __future__ import annotations

from random import Random
from typing import Literal
from zlib import crc32

Part = Literal["train", "validation"]


def words(text: str) -> list[str]:
    """The words of `text`."""
    return text.split()


_ONSETS = words("b br d dr f g gr h j k kl l m n p pr r s sk st t tr v w z")
_VOWELS = words("a e i o u")
_CODAS = words("l m n r s th x")
_PERSON_ENDINGS = words("a en in is or ula wen")
_SURNAME_ENDINGS = words("berg dahl kov lund mar sen vik witz")
_PLACE_ENDINGS = words("burg dale ford haven holm mouth stead ville")
_RIVER_ENDINGS = words("a e une ine")

_ORGANISATION_KINDS = words(
    "Academy Bank Brewery Foundry Guild Institute League Museum Observatory Society Theatre Works"
)
_EVENT_KINDS = words("Carnival Congress Exhibition Fair Festival Games Parade Race Regatta Tournament")

HELD_OUT_SHARE = 8
"""One word in so many belongs to the held-out part."""


def part_of(word: str) -> Part:
    """The only part of the data in which an invented word may occur."""
    return "validation" if crc32(word.lower().encode()) % HELD_OUT_SHARE == 0 else "train"


class Names:
    """Draws names for one part of the data; a name is never drawn twice by the same object.

    Args:
        random: The source of chance; the same state gives the same names.
        part: The part of the data that the names' words belong to.
    """

    def __init__(self, random: Random, part: Part) -> None:
        self._random = random
        self._part = part
        self._drawn: set[str] = set()

    def person(self) -> str:
        """A first name and a surname."""
        return f"{self._word(_PERSON_ENDINGS)} {self._word(_SURNAME_ENDINGS)}"

    def place(self) -> str:
        """A town."""
        return self._word(_PLACE_ENDINGS)

    def river(self) -> str:
        """A river."""
        return self._word(_RIVER_ENDINGS)

    def organisation(self) -> str:
        """An invented word and what kind of organisation it is."""
        return f"{self._word(_CODAS)} {self._random.choice(_ORGANISATION_KINDS)}"

    def event(self) -> str:
        """An invented word and what kind of event it is."""
        return f"{self._word(_RIVER_ENDINGS)} {self._random.choice(_EVENT_KINDS)}"

    def _word(self, endings: list[str]) -> str:
        while True:
            word = (self._syllable() + self._random.choice(_ONSETS) + self._ending(endings)).capitalize()
            if word not in self._drawn and part_of(word) == self._part:
                self._drawn.add(word)
                return word

    def _syllable(self) -> str:
        coda = self._random.choice(_CODAS) if self._random.random() < 0.4 else ""
        return self._random.choice(_ONSETS) + self._random.choice(_VOWELS) + coda

    def _ending(self, endings: list[str]) -> str:
        ending = self._random.choice(endings)
        return ending if ending[0] in "aeiou" else self._random.choice(_VOWELS) + ending
