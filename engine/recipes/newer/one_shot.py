"""Pruning in one step of llm-compressor (SparseGPT, Wanda) as that of this project."""

from __future__ import annotations

import re
from typing import Any, cast

from engine.recipes.modifiers import Modifier, OneShotPruningModifier
from engine.recipes.modifiers.one_shot import ENCODER
from engine.recipes.newer.fields import NewerFields
from engine.recipes.newer.targets import ALL, ALL_PRUNABLE, as_parameter

_ALL_LINEAR = ("Linear", ALL, ALL_PRUNABLE)
_ALWAYS = "a layer sees here what the pruned layers before it put out"


def sparsegpt(fields: NewerFields) -> type[Modifier]:
    """Prunes and moves the weights that stay."""
    fields.put("method", "sparsegpt")
    fields.rename("dampening_frac", "dampening")
    fields.only("preserve_sparsity_mask", False, why="zeros compete as other weights do here")
    fields.value("offload_hessians")
    fields.only("quantize", False, why="quantize by a QuantizationModifier")
    return _common(fields)


def wanda(fields: NewerFields) -> type[Modifier]:
    """Prunes by magnitude times the norm of what comes in."""
    fields.put("method", "wanda")
    return _common(fields)


def _common(fields: NewerFields) -> type[Modifier]:
    fields.only("sparsity_profile", None, why="every layer is pruned alike here")
    for name in ("owl_m", "owl_lmbda"):
        fields.value(name)  # they only count with a profile
    fields.only("sequential_update", True, why=_ALWAYS)
    fields.only("sequential_targets", None, why="layers of the encoder are found here")
    _put_targets(fields)
    fields.put("ignore", _parameters(fields, fields.value("ignore", [])), "ignore")
    fields.put("mask_type", _mask(fields), "mask_structure")
    return OneShotPruningModifier


def _put_targets(fields: NewerFields) -> None:
    """There targets are sought in the model's layers only, which is what all linear layers are here."""
    fields.words["params"] = "targets"
    value = fields.value("targets", ["Linear"])
    names = cast("list[Any]", value) if isinstance(value, list) else [value]
    everything = any(name in _ALL_LINEAR for name in names)
    fields.put("params", ENCODER if everything else _parameters(fields, names), "targets")


def _parameters(fields: NewerFields, value: Any) -> list[Any]:
    names = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [as_parameter(fields, name) for name in names]


def _mask(fields: NewerFields) -> Any:
    text = str(fields.value("mask_structure", "0:0"))
    if text in ("unstructured", "0:0"):
        return "unstructured"
    if not re.fullmatch(r"\d{1,3}:\d{1,3}", text):
        message = f"of {fields.name} has no counterpart here"
        fields.refuse("mask_structure", message, "use unstructured, or N:M such as '2:4'")
        return "unstructured"
    return text
