"""The names a recipe may use after an exclamation mark."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from engine.recipes import modifiers as described
from engine.recipes.meant import glued_name
from engine.recipes.modifiers import Modifier, QuantizationModifier, SchemeQuantizationModifier
from engine.recipes.modifiers.base import kinds
from engine.recipes.modifiers.quantization import LEGACY_FIELDS
from engine.recipes.problems import nearest

_CLASSES: list[type[Modifier]] = [
    value
    for value in (getattr(described, name) for name in described.__all__)
    if isinstance(value, type) and issubclass(value, Modifier)
]

MODIFIERS: dict[str, type[Modifier]] = {value.name: value for value in _CLASSES if value.__name__ == value.name}
"""Every modifier by its tag; `SchemeQuantizationModifier` shares the tag of `QuantizationModifier`."""

OWN = frozenset({"OneShotPruningModifier"})
"""Modifiers of this project's own: SparseML prunes in one step by other means, so nothing of it compares with them."""

_TRAINED_INTEGERS = "quantize while training: QuantizationModifier with a start"

REFUSED = {
    "RigLPruningModifier": "SparseML's own cannot be constructed: use MagnitudePruningModifier or OBSPruningModifier",
    "TopKASTPruningModifier": "its two masks were never checked against SparseML's: use ACDCPruningModifier",
    "PowerpropagationModifier": "a model saved with it is wrong without its layers: use MagnitudePruningModifier",
    "LayerThinningModifier": "what it leaves fits no configuration of transformers: use StructuredPruningModifier",
    "SparseGPTModifier": "use OneShotPruningModifier with method: sparsegpt",
    "WandaPruningModifier": "use OneShotPruningModifier with method: wanda",
    **dict.fromkeys(("GPTQModifier", "AWQModifier", "AutoRoundModifier"), _TRAINED_INTEGERS),
    **dict.fromkeys(("SmoothQuantModifier", "LogarithmicEqualizationModifier"), _TRAINED_INTEGERS),
    **dict.fromkeys(("QuIPModifier", "SpinQuantModifier"), _TRAINED_INTEGERS),
}
"""Modifiers of SparseML and llm-compressor that are known by name only, and what to use instead."""

_ENDING = "Modifier"
_NEAR = 0.7

IGNORED_FIELDS = frozenset({"log_types"})
"""Fields of old recipes that mean nothing any more."""


def bare_name(tag: str) -> str:
    """The class a tag names: ``!pytorch.XModifier`` and ``!XModifier`` are the same."""
    return tag.lstrip("!").removeprefix("pytorch.")


def find_modifier(tag: str, fields: Collection[str]) -> type[Modifier] | None:
    """The class for a tag, which for quantization also depends on the fields that are given; None for unknown tags."""
    found = MODIFIERS.get(bare_name(tag))
    if found is QuantizationModifier and not LEGACY_FIELDS.intersection(fields):
        return SchemeQuantizationModifier
    return found


def unknown_modifier(tag: str, further: Collection[str] = ()) -> tuple[str, str]:
    """What to say about a tag that is no modifier: message and suggestion; `further` are names known besides."""
    name = bare_name(tag)
    if name in REFUSED:
        return f"{name} is not supported", REFUSED[name]
    return f"unknown modifier '{tag}'", _near_modifier(name, further)


def _near_modifier(name: str, further: Collection[str]) -> str:
    """The nearest modifier; what all names end with makes none near."""
    stems = {known.removesuffix(_ENDING).lower(): known for known in (*further, *MODIFIERS)}
    stem = name.rstrip(":").lower().removesuffix(_ENDING.lower())[:100]
    near = get_close_matches(stem, stems, n=1, cutoff=_NEAR)
    return f"did you mean {stems[near[0]]!r}?" if near else ""


def unknown_field(name: str, modifier: type[Modifier]) -> tuple[str, str, str]:
    """What to say about a field the modifier does not have: message, suggestion, and the field that may be meant."""
    message, glued = f"unknown field '{name}' of {modifier.name}", glued_name(name)
    if glued in kinds(modifier):
        return message, "put a space after the colon", glued
    near = nearest(name, kinds(modifier))
    return message, f"did you mean {near!r}?" if near else "", near
