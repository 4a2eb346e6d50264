"""A question with its context and answers, and what is to be said about a set of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from engine.errors import UserError, plain

_NAMED = 3
"""Questions that a line about many of them names."""
Purpose = Literal["train", "evaluate", "predict"]
FORMATS = "SQuAD JSON, rows of question/context/answers as JSON, JSON lines or CSV, plain or .gz, or Parquet"


@dataclass(frozen=True)
class Answer:
    """A right answer; `start` is the character of the context where it begins, -1 where the file does not say."""

    text: str
    start: int


@dataclass(frozen=True)
class Example:
    """One question about one context; no answers: the context does not hold one."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] = ()
    title: str = ""


@dataclass(frozen=True)
class ExampleSet:
    """Examples, the file or dataset they came from, and one line for everything a person should know about them."""

    examples: tuple[Example, ...]
    source: str
    notes: tuple[str, ...] = ()

    def first(self, count: int | None) -> ExampleSet:
        """The first `count` examples (None: all)."""
        return self if count is None else replace(self, examples=self.examples[:count])

    def references(self) -> dict[str, list[str]]:
        """Question id → texts of its right answers."""
        return {example.id: [answer.text for answer in example.answers] for example in self.examples}


def checked(examples: Sequence[Example], source: str, purpose: Purpose, *, version_2: bool = False) -> ExampleSet:
    """The examples with unique ids, after the checks that `purpose` needs; nothing else is changed.

    Raises `UserError` where there is no question at all, and where training or evaluation finds no answer at all.
    """
    if not examples:
        raise UserError(f"{source}: no questions in it", f"expected: {FORMATS}")
    if purpose != "predict" and not any(example.answers for example in examples):
        raise UserError(f"{source}: a dataset without answers", _needs_answers(purpose))
    unique, repeated = _unique(examples)
    notes = (
        [f"{source}: {repeated} question ids occur more than once; they got a number at the end"] if repeated else []
    )
    notes += _misplaced(unique, source, purpose)
    notes += _unanswerable(unique, source, purpose) if not version_2 else []
    return ExampleSet(tuple(unique), source, tuple(notes))


def _needs_answers(purpose: Purpose) -> str:
    if purpose == "train":
        return "training rows need answers with text and answer_start"
    return "evaluation compares with answers; for predictions alone use --test_file and --do_predict"


def _unique(examples: Sequence[Example]) -> tuple[list[Example], int]:
    seen: Counter[str] = Counter()
    unique: list[Example] = []
    for example in examples:
        seen[example.id] += 1
        count = seen[example.id]
        unique.append(example if count == 1 else replace(example, id=f"{example.id}#{count}"))
    return unique, len(examples) - len(seen)


def _misplaced(examples: Sequence[Example], source: str, purpose: Purpose) -> list[str]:
    """What is to be said of answers that do not stand where they should. Training has no use for a file of such."""
    wrong = [
        example
        for example in examples
        if any(not example.context.startswith(answer.text, max(answer.start, 0)) for answer in example.answers)
    ]
    if not wrong:
        return []
    first = ", ".join(plain(example.id, 60) for example in wrong[:_NAMED])
    more = ", …" if len(wrong) > _NAMED else ""
    fault = (
        f"{source}: answer_start does not point at the answer's text in {len(wrong)} of {len(examples)} questions"
        f" ({first}{more})"
    )
    if purpose == "train" and len(wrong) == sum(bool(example.answers) for example in examples):
        raise UserError(fault, "answer_start counts the characters of the context before the answer")
    return [f"{fault}; they are used as they are"]


def _unanswerable(examples: Sequence[Example], source: str, purpose: Purpose) -> list[str]:
    empty = sum(not example.answers for example in examples)
    if not empty or purpose == "predict":
        return []
    what = "trained as `no answer`" if purpose == "train" else "left out of the score"
    return [
        f"{source}: {empty} of {len(examples)} questions have no answer and are {what}; is it SQuAD 2.0? "
        "then add --version_2_with_negative"
    ]
