"""One entry of the zoo: a model, recipe or teacher, with what is known about it and where the facts are from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from engine.zoo.stubs import Stub

_SPARSITY = re.compile(r"pruned(\d{2})")
_LAYERS = re.compile(r"(\d+)_?layers?")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What one stub stands for.

    Attributes:
        stub: Normalised stub, or the repository's name on the Hugging Face hub.
        title: A line for lists.
        name_stub: The same model in the other grammar, where one is attested.
        architecture: Family and size, such as ``bert-base``.
        layers: Encoder layers.
        dataset: What it was trained on.
        task: ``question_answering`` or ``masked_language_modeling``.
        sparsity: Percent of the pruned weights that are zero.
        structure: ``unstructured`` or ``4block``.
        quantised: Whether weights and activations are int8.
        f1: Percent on the data set's held-out part.
        exact_match: Percent on the same.
        figures_from: Where `f1` and `exact_match` were published or measured.
        path: Its folder on this machine (SparseZoo layout), None where there is none.
        has_model: Whether `path` holds training files.
        has_recipe: Whether `path` holds a recipe.
        has_teacher: Whether it is a dense model of the task with its files here, fit to be a teacher.
        source: The source's name.
        note: Why it cannot be had, or what to know about it.
    """

    stub: str
    title: str
    architecture: str
    source: str
    name_stub: str | None = None
    layers: int | None = None
    dataset: str = ""
    task: str = "question_answering"
    sparsity: float | None = None
    structure: str | None = None
    quantised: bool = False
    f1: float | None = None
    exact_match: float | None = None
    figures_from: str | None = None
    path: Path | None = None
    has_model: bool = False
    has_recipe: bool = False
    has_teacher: bool = False
    note: str = ""


def sparsity_of_tag(tag: str) -> float | None:
    """Percent of zeros that a sparse tag such as ``pruned90_quant-none`` states; 0 for a dense one."""
    stated = _SPARSITY.search(tag)
    if stated:
        return float(stated.group(1))
    return None if "pruned" in tag else 0.0


def layers_of_tag(tag: str) -> int | None:
    """Layers that a sparse tag such as ``12layer_pruned80-none`` states."""
    stated = _LAYERS.search(tag)
    return int(stated.group(1)) if stated else None


def title_of(architecture: str, dataset: str, sparsity: float | None, quantised: bool) -> str:
    """``bert-base on squad, 90 % pruned, int8``."""
    pruning = "" if sparsity == 0 else ", pruned" if sparsity is None else f", {sparsity:g} % pruned"
    kind = ", dense" if sparsity == 0 and not quantised else pruning
    return f"{architecture} on {dataset}{kind}{', int8' if quantised else ''}"


def entry_of_stub(stub: Stub, *, layers: int | None = None, **more: Any) -> Entry:
    """An entry with what a stub says of itself; `layers` where they are known better, `more` are fields of `Entry`."""
    architecture = "-".join(part for part in (stub.architecture, stub.sub_architecture) if part not in (None, "none"))
    sparsity, quantised = sparsity_of_tag(stub.tag), "quant" in stub.tag
    return Entry(
        stub=stub.bare,
        title=title_of(architecture, stub.dataset, sparsity, quantised),
        architecture=architecture,
        layers=layers or layers_of_tag(stub.tag),
        dataset=stub.dataset,
        task=stub.sub_domain or "question_answering",
        sparsity=sparsity,
        quantised=quantised,
        **more,
    )


def may_teach(entry: Entry) -> bool:
    """Whether it is a dense model of the task, as teachers are."""
    return entry.sparsity == 0 and not entry.quantised and entry.task == "question_answering"
