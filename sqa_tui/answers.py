"""Answers of an exported model as frozen values, read from the lines of the program that asks it."""

from __future__ import annotations

from typing import Any

import msgspec


class Candidate(msgspec.Struct, frozen=True):
    """One answer: characters `start` to `end` of the context, with a probability of 0…1."""

    answer: str
    score: float
    start: int
    end: int


class Answered(msgspec.Struct, frozen=True):
    """What a model said to one question."""

    answers: list[Candidate]
    """Best first."""
    milliseconds: dict[str, float] = {}
    """Time of each part, in the order of the work."""
    windows: int = 1
    """Pieces in which the context was read."""

    @property
    def total_milliseconds(self) -> float:
        return sum(self.milliseconds.values())


class Greeting(msgspec.Struct, frozen=True):
    """The first line: the model is loaded."""

    ready: bool
    model: str = ""
    size_bytes: int | None = None
    window: int | None = None
    """Tokens that are read at once."""
    about: dict[str, Any] = {}


class Reply(msgspec.Struct, frozen=True):
    """Any later line: answers, or why there are none."""

    id: int | None = None
    error: str | None = None
    answers: list[Candidate] = []
    milliseconds: dict[str, float] = {}
    windows: int = 1

    def answered(self) -> Answered:
        return Answered(self.answers, self.milliseconds, self.windows)
