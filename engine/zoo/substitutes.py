"""What could be taken instead of a model that cannot be had: named, explained and left to the user to choose."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.zoo.catalogue import CatalogueSource
from engine.zoo.demo import FAMILY
from engine.zoo.entry import Entry
from engine.zoo.stubs import PREFIX, is_stub

Role = Literal["model", "teacher", "recipe"]

FLAGS: dict[Role, str] = {"model": "--model_name_or_path", "teacher": "--distill_teacher", "recipe": "--recipe"}

_SAME_SHAPE = {"obert": "bert", "oberta": "roberta"}
"""oBERT is a way to prune BERT, and oBERTa RoBERTa: matrices and vocabulary are those of the model pruned."""
_BASE_MODELS = {
    "bert-base": "bert-base-uncased",
    "bert-base_cased": "bert-base-cased",
    "bert-large": "bert-large-uncased",
    "distilbert": "distilbert-base-uncased",
    "mobilebert": "google/mobilebert-uncased",
    "roberta-base": "roberta-base",
    "roberta-large": "roberta-large",
}


class Substitute(msgspec.Struct, frozen=True, kw_only=True):
    """Another model or recipe: its name, the role it would take, and how it differs from what was asked for."""

    name: str
    role: Role
    why: str

    @property
    def flags(self) -> str:
        """What to write on the command line."""
        return f"{FLAGS[self.role]} {self.name}"


def substitutes(entry: Entry, role: Role, limit: int = 2) -> list[Substitute]:
    """The nearest that can be had instead of `entry`, best first; empty where nothing is near.

    The pairings are made from the facts of the catalogue: nobody has published which model succeeds which.
    """
    if role == "recipe":
        return _recipes(entry)
    near = _teachers(entry) if role == "teacher" else _models(entry, entry.task)
    found = [Substitute(name=other.stub, role=role, why=_differences(entry, other)) for other in near[:limit]]
    base = _BASE_MODELS.get(shape_of(entry))
    if role == "model" and base is not None:
        why = "dense and only pre-trained: a run has yet to train and sparsify it"
        found.append(Substitute(name=base, role=role, why=why))
    return found


def _teachers(entry: Entry) -> list[Entry]:
    """Dense models that answer questions."""
    near = _models(entry, "question_answering")
    return [other for other in near if other.sparsity == 0 and not other.quantised]


def _models(entry: Entry, task: str) -> list[Entry]:
    shape = shape_of(entry)
    on_hub = (other for other in CatalogueSource().entries() if not is_stub(other.stub) and other.stub != entry.stub)
    there = [other for other in on_hub if other.task == task and shape_of(other) == shape]
    return sorted(there, key=lambda other: (_distance(entry, other), not other.stub.endswith("-v2")))


def shape_of(entry: Entry) -> str:
    """Family and size of what was pruned: models of one shape have the same matrices and vocabulary."""
    family, _, size = entry.architecture.partition("-")
    family = _SAME_SHAPE.get(family, family)
    return f"{family}-{size}" if size else family


def _distance(entry: Entry, other: Entry) -> float:
    layers = abs(entry.layers - other.layers) if entry.layers and other.layers else 0
    known = entry.sparsity is not None and other.sparsity is not None
    sparsity = abs((entry.sparsity or 0) - (other.sparsity or 0)) / 10 if known else 0
    structure = 0.5 if entry.structure != other.structure else 0.0
    return layers + sparsity + structure + (entry.quantised != other.quantised)


def _differences(entry: Entry, other: Entry) -> str:
    """``the same architecture, layers …; 80 % pruned instead of 95 %``."""
    pairs = [
        ("layers", entry.layers, other.layers),
        ("% pruned", entry.sparsity, other.sparsity),
        ("structure", *((entry.structure, other.structure) if entry.sparsity and other.sparsity else ("", ""))),
        ("precision", "int8" if entry.quantised else "float", "int8" if other.quantised else "float"),
    ]
    written = [(name, _text(ours), _text(theirs)) for name, ours, theirs in pairs]
    texts = [f"{name} {theirs} instead of {ours}" for name, ours, theirs in written if ours != theirs]
    return f"the same shape; {', '.join(texts)}" if texts else "the same shape, sparsity and precision; other weights"


def _text(value: float | str | None) -> str:
    return "unknown" if value is None else value if isinstance(value, str) else f"{value:g}"


def _recipes(entry: Entry) -> list[Substitute]:
    """The demo's recipes name parameters as every BERT does; epochs and sparsity are variables of theirs."""
    if not shape_of(entry).startswith("bert-"):
        return []
    tag = "pruned80_quant-none" if entry.quantised else "pruned80-none"
    sparsity = f'"final_sparsity": {entry.sparsity / 100:g}, ' if entry.sparsity else ""
    why = f"""of the demo zoo, for any BERT: set its course with --recipe_args '{{{sparsity}"num_epochs": 30}}'"""
    return [Substitute(name=f"{PREFIX}{FAMILY}/{tag}", role="recipe", why=why)]
