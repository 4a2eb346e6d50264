"""What a stub's sparse tag says: ``12layer_pruned80_quant-none-vnni`` is 80 % of zeros in blocks of four, int8."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

Structure = Literal["unstructured", "4block"]

TARGETS = ("vnni", "edge", "deepsparse", "disk", "gpu")
CATEGORIES = ("none", "conservative", "moderate", "aggressive")

_SPARSITY = re.compile(r"pruned(\d{2})(?!\d)")
_DENSE = frozenset(("base", "dense"))
"""Words of a tag that stand for a model nobody pruned."""
_LAYERS = re.compile(r"(\d{1,3})_?layers?")
_CATEGORY = re.compile(rf"({'|'.join(CATEGORIES)})(?:_(\d+))?")


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """A sparse tag in parts; what it does not state is None.

    Attributes:
        name: Its first part, such as ``pruned80_quant``.
        sparsity: Percent of the pruned weights that are zero; 0 for a dense model.
        layers: Encoder layers.
        structure: ``4block`` for zeros in blocks of four, ``unstructured`` for other zeros; of a pruned model alone.
        quantised: Whether weights and activations are int8.
        category: How much of the dense model's accuracy is kept: ``conservative`` 100 %, ``moderate`` 99 % at least,
            ``aggressive`` less; ``none`` does not say.
        kept: Percent of the dense model's F1, as ``aggressive_96`` says by convention.
        target: What it was made for: ``vnni``, ``edge``, ``deepsparse``, ``disk``, ``gpu``.
    """

    name: str
    sparsity: float | None
    layers: int | None
    structure: Structure | None
    quantised: bool
    category: str | None
    kept: float | None
    target: str | None


def read_tag(tag: str) -> Tag:
    """The parts of a tag of either grammar; parts that mean nothing are left out."""
    name, *rest = tag.split("-")
    said = name.lower()
    category = next((found for part in rest if (found := _CATEGORY.fullmatch(part))), None)
    target = next((part for part in rest if part in TARGETS), None)
    blocks = target == "vnni" or ".4block" in said
    layers = _LAYERS.search(said)
    return Tag(
        name=name,
        sparsity=sparsity_of_tag(said),
        layers=int(layers[1]) if layers else None,
        structure=None if "pruned" not in said else "4block" if blocks else "unstructured",
        quantised="quant" in said,
        category=category[1] if category else None,
        kept=float(category[2]) if category and category[2] else None,
        target=target,
    )


def sparsity_of_tag(tag: str) -> float | None:
    """Percent of zeros that a tag such as ``pruned90-none`` states; 0 for a dense one, None where it is unsaid."""
    words = tag.lower()
    stated = _SPARSITY.search(words)
    if stated:
        return float(stated[1])
    return 0.0 if "pruned" not in words and _DENSE.intersection(re.split(r"[-_.]", words)) else None
