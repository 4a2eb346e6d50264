"""What can be said and asked of a person, a town, an organisation and an event.

In every template ``{s}`` is the subject, ``{v}`` the value and ``{av}`` the value after its article.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.zoo.demo.facts.values import Kind


@dataclass(frozen=True)
class Relation:
    """One relation between a subject and a value, in the words of its statements and questions.

    Attributes:
        subject: Kind of the subject.
        value: Kind of the value.
        predicates: Ways to continue a sentence that begins with the subject.
        sentences: Whole sentences in another order.
        questions: Questions that the value answers.
        reverse: Questions that the subject answers; they name the value.
    """

    subject: Kind
    value: Kind
    predicates: tuple[str, ...]
    sentences: tuple[str, ...]
    questions: tuple[str, ...]
    reverse: tuple[str, ...] = ()


_PERSON = (
    Relation(
        "person",
        "place",
        ("was born in the town of {v}", "comes from {v}"),
        ("The birthplace of {s} is {v}.", "{v} is where {s} was born."),
        ("Where was {s} born?", "In which town was {s} born?", "What is the birthplace of {s}?"),
        ("Who was born in {v}?", "Who comes from {v}?"),
    ),
    Relation(
        "person",
        "year",
        ("was born in the year {v}", "was born in {v}"),
        ("The year of birth of {s} is {v}.", "In {v}, {s} was born."),
        ("When was {s} born?", "In what year was {s} born?", "What is the year of birth of {s}?"),
    ),
    Relation(
        "person",
        "date",
        ("died on {v}",),
        ("On {v}, {s} died.", "The death of {s} came on {v}."),
        ("When did {s} die?", "On what date did {s} die?"),
        ("Who died on {v}?",),
    ),
    Relation(
        "person",
        "place",
        ("lives in {v}", "moved to {v}"),
        ("The home of {s} is in {v}.", "{v} became the home of {s}."),
        ("Where does {s} live?", "Where is the home of {s}?", "Which town did {s} move to?"),
        ("Who lives in {v}?", "Who moved to {v}?"),
    ),
    Relation(
        "person",
        "profession",
        ("worked as {av}", "was {av} by trade"),
        ("By profession, {s} was {av}.", "The work of {av} was what {s} did."),
        ("What was the profession of {s}?", "What did {s} work as?", "What was {s} by trade?"),
        ("Who worked as {av}?", "Who was {av} by trade?"),
    ),
    Relation(
        "person",
        "person",
        ("married {v}", "was the spouse of {v}"),
        ("The spouse of {s} was {v}.",),
        ("Who was the spouse of {s}?", "Whom did {s} marry?"),
        ("Who married {v}?",),
    ),
    Relation(
        "person",
        "person",
        ("was taught by {v}", "was a pupil of {v}"),
        ("{v} taught {s}.", "The teacher of {s} was {v}."),
        ("Who taught {s}?", "Who was the teacher of {s}?"),
        ("Whom did {v} teach?", "Who was taught by {v}?"),
    ),
    Relation(
        "person",
        "object",
        ("invented the {v}", "was the inventor of the {v}"),
        ("The {v} was invented by {s}.", "The {v} is an invention of {s}."),
        ("What did {s} invent?", "What was invented by {s}?"),
        ("Who invented the {v}?", "By whom was the {v} invented?"),
    ),
    Relation(
        "person",
        "organisation",
        ("joined the {v}", "was a member of the {v}"),
        ("Among the members of the {v} was {s}.", "The {v} counted {s} among its members."),
        ("Which organisation did {s} join?", "What was {s} a member of?"),
        ("Who joined the {v}?", "Who was a member of the {v}?"),
    ),
    Relation(
        "person",
        "number",
        ("wrote {v} songs", "was the author of {v} songs"),
        ("In all, {v} songs were written by {s}.",),
        ("How many songs did {s} write?", "How many songs were written by {s}?"),
        ("Who wrote {v} songs?",),
    ),
)

_PLACE = (
    Relation(
        "place",
        "river",
        ("lies on the river {v}", "stands on the banks of the {v}"),
        ("The river {v} flows through {s}.",),
        ("On which river does {s} lie?", "Which river flows through {s}?"),
        ("Which town lies on the river {v}?", "Where does the river {v} flow?"),
    ),
    Relation(
        "place",
        "number",
        ("has {v} inhabitants", "is a town of {v} people"),
        ("There are {v} inhabitants in {s}.", "The population of {s} is {v}."),
        ("How many inhabitants does {s} have?", "What is the population of {s}?", "How many people live in {s}?"),
    ),
    Relation(
        "place",
        "year",
        ("was founded in {v}", "has been a town since {v}"),
        ("In {v}, the town of {s} was founded.",),
        ("When was {s} founded?", "In what year was {s} founded?", "Since when has {s} been a town?"),
    ),
    Relation(
        "place",
        "person",
        ("has {v} as its mayor", "is governed by {v}"),
        ("The mayor of {s} is {v}.", "{v} is the mayor of {s}."),
        ("Who is the mayor of {s}?", "Who governs {s}?"),
        ("Of which town is {v} the mayor?", "Which town does {v} govern?"),
    ),
    Relation(
        "place",
        "object",
        ("is famous for the {v}", "is proud of its {v}"),
        ("The {v} made {s} famous.", "A {v} stands in the middle of {s}."),
        ("What is {s} famous for?", "What made {s} famous?"),
        ("Which town is famous for the {v}?", "Which town did the {v} make famous?"),
    ),
    Relation(
        "place",
        "date",
        ("burned down on {v}", "was flooded on {v}"),
        ("On {v}, disaster struck {s}.",),
        ("On what date did disaster strike {s}?", "When did disaster strike {s}?"),
    ),
)

_ORGANISATION = (
    Relation(
        "organisation",
        "person",
        ("was founded by {v}", "has {v} as its founder"),
        ("{v} founded the {s}.", "The founder of the {s} was {v}."),
        ("Who founded the {s}?", "Who was the founder of the {s}?"),
        ("What did {v} found?", "Which organisation was founded by {v}?"),
    ),
    Relation(
        "organisation",
        "year",
        ("was founded in {v}", "has existed since {v}"),
        ("In {v}, the {s} was founded.",),
        ("When was the {s} founded?", "In what year was the {s} founded?", "Since when has the {s} existed?"),
    ),
    Relation(
        "organisation",
        "place",
        ("has its seat in {v}", "is based in {v}"),
        ("The seat of the {s} is in {v}.", "{v} is home to the {s}."),
        ("Where is the {s} based?", "Where does the {s} have its seat?", "In which town is the seat of the {s}?"),
        ("Which organisation is based in {v}?", "Which organisation has its seat in {v}?"),
    ),
    Relation(
        "organisation",
        "number",
        ("employs {v} people", "gives work to {v} people"),
        ("At the {s}, {v} people are employed.",),
        ("How many people does the {s} employ?", "How many people are employed at the {s}?"),
        ("Which organisation employs {v} people?",),
    ),
    Relation(
        "organisation",
        "object",
        ("owns the {v}", "is the keeper of the {v}"),
        ("The {v} belongs to the {s}.",),
        ("What does the {s} own?", "What belongs to the {s}?"),
        ("Who owns the {v}?", "To whom does the {v} belong?"),
    ),
    Relation(
        "organisation",
        "person",
        ("is led by {v}", "has {v} at its head"),
        ("{v} leads the {s}.", "The head of the {s} is {v}."),
        ("Who leads the {s}?", "Who is the head of the {s}?"),
        ("Which organisation does {v} lead?",),
    ),
)

_EVENT = (
    Relation(
        "event",
        "place",
        ("took place in {v}", "was held in {v}"),
        ("{v} was the scene of the {s}.", "The town of {v} was host to the {s}."),
        ("Where did the {s} take place?", "In which town was the {s} held?", "Which town was host to the {s}?"),
        ("What took place in {v}?", "Which event was held in {v}?"),
    ),
    Relation(
        "event",
        "date",
        ("was opened on {v}", "began on {v}"),
        ("On {v}, the {s} began.",),
        ("When did the {s} begin?", "On what date was the {s} opened?"),
        ("Which event began on {v}?",),
    ),
    Relation(
        "event",
        "person",
        ("was won by {v}", "had {v} as its winner"),
        ("{v} won the {s}.", "The winner of the {s} was {v}."),
        ("Who won the {s}?", "Who was the winner of the {s}?"),
        ("What did {v} win?", "Which event was won by {v}?"),
    ),
    Relation(
        "event",
        "number",
        ("drew {v} visitors", "was seen by {v} visitors"),
        ("In all, {v} visitors came to the {s}.",),
        ("How many visitors came to the {s}?", "How many visitors did the {s} draw?"),
        ("Which event drew {v} visitors?",),
    ),
    Relation(
        "event",
        "object",
        ("had the {v} as its prize", "offered the {v} as a prize"),
        ("The prize of the {s} was the {v}.",),
        ("What was the prize of the {s}?", "What did the {s} offer as a prize?"),
        ("Of which event was the {v} the prize?",),
    ),
    Relation(
        "event",
        "organisation",
        ("was organised by the {v}", "was paid for by the {v}"),
        ("The {v} organised the {s}.",),
        ("Which organisation organised the {s}?", "By whom was the {s} organised?"),
        ("Which event did the {v} organise?",),
    ),
)

RELATIONS: dict[Kind, tuple[Relation, ...]] = {
    "person": _PERSON,
    "place": _PLACE,
    "organisation": _ORGANISATION,
    "event": _EVENT,
}

TAKES_ARTICLE = ("organisation", "event")
"""Kinds of subject that follow "the" at the beginning of a sentence."""
