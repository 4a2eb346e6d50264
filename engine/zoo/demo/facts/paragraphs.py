"""Paragraphs of facts with their questions, endlessly, from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from engine.zoo.demo.facts.names import Names, Part
from engine.zoo.demo.facts.relations import RELATIONS, TAKES_ARTICLE, Relation
from engine.zoo.demo.facts.values import Kind, draw, with_article

QUESTIONS = 5
_SUBJECT_KINDS: tuple[Kind, ...] = ("person", "person", "place", "organisation", "event")


@dataclass(frozen=True)
class Question:
    """A question with its only answer: the answer's text, its first character in the context, and what it is.

    `about` is what the question names: the subject of the fact, or for a question the other way round its value.
    """

    text: str
    about: str
    answer: str
    answer_start: int
    kind: Kind


@dataclass(frozen=True)
class Paragraph:
    """A context, its questions, and every name that occurs in it."""

    context: str
    questions: tuple[Question, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Fact:
    relation: Relation
    subject: str
    value: str

    def fill(self, template: str) -> str:
        return template.format(s=self.subject, v=self.value, av=with_article(self.value))


def paragraphs(
    seed: int, part: Part, *, subjects: tuple[int, int] = (2, 3), facts: tuple[int, int] = (6, 8)
) -> Iterator[Paragraph]:
    """An endless stream of paragraphs; the same arguments give the same stream.

    Several subjects of the same kind share their relations, so that neither the kind of answer asked for nor the
    subject's name alone leads to the answer.

    Args:
        seed: Where chance starts.
        part: The part of the data; parts share no name.
        subjects: Fewest and most subjects of a paragraph.
        facts: Fewest and most facts of a paragraph.
    """
    random = Random(f"{part}-{seed}")
    while True:
        paragraph = _paragraph(random, Names(random, part), random.randint(*subjects), random.randint(*facts))
        if paragraph is not None:
            yield paragraph


def _paragraph(random: Random, names: Names, subject_count: int, fact_count: int) -> Paragraph | None:
    facts = _facts(random, names, subject_count, fact_count)
    context = " ".join(_sentences(random, facts))
    questions = tuple(_questions(random, facts, context))
    mentioned = [fact.subject for fact in facts] + [fact.value for fact in facts if fact.relation.value in _NAMED]
    return Paragraph(context, questions, tuple(dict.fromkeys(mentioned))) if questions else None


_NAMED: tuple[Kind, ...] = ("person", "place", "river", "organisation", "event")


def _facts(random: Random, names: Names, subject_count: int, fact_count: int) -> list[_Fact]:
    kind = random.choice(_SUBJECT_KINDS)
    subjects = [draw(kind, names, random) for _ in range(subject_count)]
    relations = random.sample(RELATIONS[kind], min(len(RELATIONS[kind]), -(-fact_count // subject_count)))
    pairs = [(relation, subject) for relation in relations for subject in subjects][:fact_count]
    facts: list[_Fact] = []
    for relation, subject in pairs:
        value = draw(relation.value, names, random)
        while any(value in fact.value or fact.value in value for fact in facts):
            value = draw(relation.value, names, random)
        facts.append(_Fact(relation, subject, value))
    return facts


def _sentences(random: Random, facts: list[_Fact]) -> list[str]:
    """One sentence for a fact, or for two facts of the same subject, in any order."""
    waiting = random.sample(facts, len(facts))
    sentences: list[str] = []
    while waiting:
        fact = waiting.pop()
        other = next((fact_ for fact_ in waiting if fact_.subject == fact.subject), None)
        if other is not None and random.random() < 0.3:
            waiting.remove(other)
            sentences.append(_compound(random, fact, other))
        elif random.random() < 0.55:
            sentences.append(f"{_opening(fact)} {fact.fill(random.choice(fact.relation.predicates))}.")
        else:
            sentences.append(fact.fill(random.choice(fact.relation.sentences)))
    return sentences


def _compound(random: Random, first: _Fact, second: _Fact) -> str:
    predicates = [fact.fill(random.choice(fact.relation.predicates)) for fact in (first, second)]
    return f"{_opening(first)} {predicates[0]} and {predicates[1]}."


def _opening(fact: _Fact) -> str:
    return f"The {fact.subject}" if fact.relation.subject in TAKES_ARTICLE else fact.subject


def _questions(random: Random, facts: list[_Fact], context: str) -> Iterator[Question]:
    for fact in random.sample(facts, min(QUESTIONS, len(facts))):
        backwards = bool(fact.relation.reverse) and random.random() < 0.25
        text = fact.fill(random.choice(fact.relation.reverse if backwards else fact.relation.questions))
        answer = fact.subject if backwards else fact.value
        kind = fact.relation.subject if backwards else fact.relation.value
        about = fact.value if backwards else fact.subject
        yield Question(text, about, answer, _position(context, fact, answer), kind)


def _position(context: str, fact: _Fact, answer: str) -> int:
    """Where the answer stands in the sentence that states the fact.

    A subject occurs in several sentences; a value is unique, and a sentence ends at the first full stop after it.
    """
    value_at = context.index(fact.value)
    begin = context.rfind(". ", 0, value_at) + 1
    return context.index(answer, begin)
