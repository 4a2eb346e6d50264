"""One entry of the zoo: a model, recipe or teacher, with what is known about it and where the facts are from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from engine.zoo.stubs import Stub
from engine.zoo.tags import read_tag


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one stub stands for. No entry refers to itself, so that ten thousand need not be looked at by the collector.

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
        place: The source that `path` is from, where there is one.
        has_model: Whether `path` holds configuration and weights.
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
    place: str = ""
    has_model: bool = False
    has_recipe: bool = False
    has_teacher: bool = False
    note: str = ""


def title_of(architecture: str, dataset: str, sparsity: float | None, quantised: bool, *, pruned: bool = True) -> str:
    """``bert-base on squad, 90 % pruned, int8``; of unknown sparsity, `pruned` says whether it has any."""
    unknown = ", pruned" if pruned else ""
    pruning = "" if sparsity == 0 else unknown if sparsity is None else f", {sparsity:g} % pruned"
    kind = ", dense" if sparsity == 0 and not quantised else pruning
    return f"{architecture} on {dataset}{kind}{', int8' if quantised else ''}"


def entry_of_stub(stub: Stub, *, layers: int | None = None, **more: Any) -> Entry:
    """An entry with what a stub says of itself; `layers` where they are known better, `more` are fields of `Entry`."""
    architecture = "-".join(part for part in (stub.architecture, stub.sub_architecture) if part not in (None, "none"))
    tag = read_tag(stub.tag)
    return Entry(
        stub=stub.bare,
        title=title_of(architecture, stub.dataset, tag.sparsity, tag.quantised, pruned=tag.structure is not None),
        architecture=architecture,
        layers=layers or tag.layers,
        dataset=stub.dataset,
        task=stub.sub_domain or _task_of_dataset(stub.dataset),
        sparsity=tag.sparsity,
        structure=tag.structure,
        quantised=tag.quantised,
        **more,
    )


def _task_of_dataset(dataset: str) -> str:
    """The task of a name stub, which says only what data the model has seen: first those of its task."""
    backbone = dataset.startswith(("wikipedia", "bookcorpus"))
    return "masked_language_modeling" if backbone else "question_answering"


def may_teach(entry: Entry) -> bool:
    """Whether it is a dense model of the task, as teachers are."""
    return entry.sparsity == 0 and not entry.quantised and entry.task == "question_answering"
