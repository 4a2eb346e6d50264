"""What is wrong with a recipe, and where: every problem of a text is reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from difflib import get_close_matches

from engine.errors import UserError, plain

SHOWN = 5
"""So many problems are spelt out in the one line of an error; `RecipeError.problems` has all of them."""

MOST_KNOWN, MOST_COMPARED = 1000, 60
"""Comparing takes long: where a text names thousands, none is near, and of hundreds only those that begin alike."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; `line` and `column` count from 1, 0 where a problem has no place in the text.

    `length` is the number of characters to mark from there on, 0 where that is not known.
    """

    file: str
    line: int
    column: int
    message: str
    suggestion: str = ""
    length: int = 0

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.message}{', ' + self.suggestion if self.suggestion else ''}"


class RecipeError(UserError):
    """A recipe that cannot be used, with all its problems in the order of the text, and what else is worth a note."""

    def __init__(self, problems: Sequence[Problem], notes: Sequence[Problem] = ()) -> None:
        self.notes = tuple(notes)
        self.problems = sorted(problems, key=lambda problem: (problem.line, problem.column))
        said = "; ".join(plain(str(problem), 400) for problem in self.problems[:SHOWN])
        more = len(self.problems) - SHOWN
        super().__init__(f"{said}; and {more} more" if more > 0 else said)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest of the known words as a question, or nothing where none is near."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The nearest of the known words, or nothing where none is near."""
    wanted = word.lower()[:100]
    if isinstance(known, Sized) and len(known) > MOST_KNOWN:
        return ""
    words = {choice.lower()[:100]: choice for choice in known}
    if len(words) > MOST_COMPARED:
        alike = [choice for choice in words if choice[:3] == wanted[:3] and abs(len(choice) - len(wanted)) < 3]
        words = {choice: words[choice] for choice in alike[:MOST_COMPARED]}
    near = get_close_matches(wanted, list(words), n=1, cutoff=0.6)
    return words[near[0]] if near else ""
