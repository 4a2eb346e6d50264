"""Which recipe and teacher go with a model: as a document says, or as its stub and shape suggest."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from engine.zoo.catalogue import CatalogueSource, Fact, fact_of, facts
from engine.zoo.demo import FAMILY
from engine.zoo.demo.publish import TEACHER
from engine.zoo.entry import Entry
from engine.zoo.stubs import PREFIX, is_stub
from engine.zoo.substitutes import Role, shape_of

_QA = f"{PREFIX}nlp/question_answering"
_MLM = f"{PREFIX}nlp/masked_language_modeling"
_SQUAD = "pytorch/huggingface/squad"
_TEXTS = "pytorch/huggingface/wikipedia_bookcorpus"
_DOCUMENTED = "documented"
_TRANSFER = "transfer-question_answering"


class Documented(NamedTuple):
    """A model, recipe and teacher that one document uses together."""

    model: str
    recipe: str
    teacher: str
    source: str


DOCUMENTED = (
    Documented(
        TEACHER,
        f"{PREFIX}{FAMILY}/pruned80_quant-none",
        TEACHER,
        "the demo zoo, whose recipes were made for its teacher",
    ),
    Documented(
        f"{_MLM}/obert-base/{_TEXTS}/pruned90-none",
        f"{_QA}/obert-base/{_SQUAD}/pruned90_quant-none",
        f"{_QA}/obert-base/{_SQUAD}/base-none",
        "neuralmagic/sparseml integrations/huggingface-transformers/tutorials/sparse-transfer-learning-bert.md",
    ),
    Documented(
        f"{_MLM}/bert-base/{_TEXTS}/12layer_pruned80_quant-none-vnni",
        f"{_MLM}/bert-base/{_TEXTS}/12layer_pruned80_quant-none-vnni?recipe_type={_TRANSFER}",
        f"{_QA}/bert-base/{_SQUAD}/base-none",
        "neuralmagic/sparseml src/sparseml/transformers/docs/QUESTION_ANSWERING.md",
    ),
    Documented(
        "bert-base-uncased",
        f"{_QA}/bert-base/{_SQUAD}/pruned-aggressive_98",
        f"{_QA}/bert-base/{_SQUAD}/base-none",
        "neuralmagic/sparseml src/sparseml/transformers/docs/QUESTION_ANSWERING.md",
    ),
    Documented(
        f"{_MLM}/bert-large/{_TEXTS}/pruned80-none-vnni",
        f"{_QA}/bert-large/{_SQUAD}/pruned80_quant-none-vnni",
        f"{_QA}/bert-large/{_SQUAD}/base-none",
        "neuralmagic/mlperf v2.1 prune-ofa_large.md",
    ),
)
"""Models are what a run starts from, recipes what it is to become."""


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a trio: its name, and why it goes with the model; `documented` where a document says so."""

    role: Role
    name: str
    why: str
    documented: bool


def trio(entry: Entry) -> tuple[Suggestion, ...]:
    """Model, recipe and teacher for a run from `entry`, as far as they are known; the model is always there.

    An entry that documents name as the recipe of a trio is answered with that trio: its model is where to start.
    """
    known = next((each for each in DOCUMENTED if each.model == entry.stub), None)
    made = next((each for each in DOCUMENTED if each.recipe.partition("?")[0] == entry.stub), None)
    found = known or (made if not entry.has_model else None)
    return _as_documented(found) if found is not None else _as_inferred(entry)


def _as_documented(found: Documented) -> tuple[Suggestion, ...]:
    parts: list[tuple[Role, str]] = [("model", found.model), ("recipe", found.recipe), ("teacher", found.teacher)]
    return tuple(Suggestion(role=role, name=name, why=found.source, documented=True) for role, name in parts)


def _as_inferred(entry: Entry) -> tuple[Suggestion, ...]:
    parts: list[tuple[Role, str, str]] = [("model", entry.stub, "chosen")]
    recipe = _recipe(entry)
    if recipe is not None:
        parts.append(("recipe", *recipe))
    teacher = _teacher(entry)
    if teacher is not None:
        parts.append(("teacher", *teacher))
    return tuple(Suggestion(role=role, name=name, why=why, documented=False) for role, name, why in parts)


def _recipe(entry: Entry) -> tuple[str, str] | None:
    """Its own recipe: the one for the task, where it is a backbone."""
    fact = fact_of(entry.stub)
    if fact is not None and _TRANSFER in fact.recipe_types:
        return f"{entry.stub}?recipe_type={_TRANSFER}", "a recipe of its own for this task"
    if entry.has_recipe or (is_stub(entry.stub) and entry.sparsity != 0 and entry.task == "question_answering"):
        return entry.stub, "its own recipe"
    return None


def _teacher(entry: Entry) -> tuple[str, str] | None:
    """A dense model of the same shape, itself where it is one; those that documents use as teachers before others."""
    if entry.has_teacher:
        return entry.stub, "itself, before it is pruned"
    pairs = zip(CatalogueSource().entries(), facts(), strict=True)
    fit = [fact for other, fact in pairs if fact.teacher is not None and shape_of(other) == shape_of(entry)]
    best = min(fit, key=lambda fact: _rank(fact, entry), default=None)
    if best is None:
        return None
    used = (
        "used as a teacher in documents" if best.teacher == _DOCUMENTED else "dense; no document uses it as a teacher"
    )
    return best.id, f"the same shape; {used}"


def _rank(fact: Fact, entry: Entry) -> tuple[bool, ...]:
    """The same place first, for what comes from one place can be had together; then the same name."""
    elsewhere = is_stub(fact.id) != is_stub(entry.stub)
    return elsewhere, fact.architecture != entry.architecture, fact.teacher != _DOCUMENTED
