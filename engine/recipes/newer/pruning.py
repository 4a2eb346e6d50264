"""Pruning of llm-compressor as pruning of this project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from engine.recipes.modifiers import (
    ConstantPruningModifier,
    GlobalMagnitudePruningModifier,
    MagnitudePruningModifier,
    Modifier,
)
from engine.recipes.newer.fields import NewerFields
from engine.recipes.newer.targets import ALL_PRUNABLE, put_targets
from engine.recipes.problems import did_you_mean

_POWERS = {"cubic": 3, "linear": 1}
_SCHEDULERS = ("cubic", "linear", "polynomial", "polynomial_decay", "multi_step")


def constant(fields: NewerFields) -> type[Modifier]:
    """Keeps at zero what is zero."""
    put_targets(fields)
    return ConstantPruningModifier


def magnitude(fields: NewerFields) -> type[Modifier]:
    """Gradual magnitude pruning; without `update` at every step, as there."""
    if "targets" in fields.left and fields.left["targets"][1].value == ALL_PRUNABLE:
        fields.reader.note(
            fields.left["targets"][1], f"{ALL_PRUNABLE} also prunes embeddings here, in llm-compressor it does not"
        )
    put_targets(fields)
    fields.put("inter_func", _function(fields), "update_scheduler")
    fields.put("mask_type", _mask(fields), "mask_structure")
    if "update" not in fields.given:
        fields.put("update_frequency", -1.0)
    together = fields.value("apply_globally", False)
    if together not in (True, False):
        fields.refuse("apply_globally", f"of {fields.name} must be true or false")
    return GlobalMagnitudePruningModifier if together is True else MagnitudePruningModifier


def _function(fields: NewerFields) -> Any:
    """The interpolation that a scheduler with its arguments is: powers of 1 and 3 have names here."""
    scheduler = str(fields.value("update_scheduler", "cubic"))
    settings = fields.value("scheduler_args", {})
    if scheduler in _POWERS:
        power = _POWERS[scheduler]
    elif scheduler == "polynomial_decay":
        power = _exponent(settings)
    elif scheduler == "polynomial" and _exponent(settings) == 1:
        power = 1
    else:
        power = None
    found = next((name for name, known in _POWERS.items() if known == power), None)
    if found is None:
        near = did_you_mean(scheduler, _SCHEDULERS) if scheduler not in _SCHEDULERS else ""
        fields.refuse(
            "update_scheduler",
            f"of {fields.name} has no counterpart here",
            near or "use cubic or linear",
        )
    return found or "cubic"


def _exponent(settings: Any) -> Any:
    return cast("Mapping[str, Any]", settings).get("exponent", 2) if isinstance(settings, Mapping) else None


def _mask(fields: NewerFields) -> Any:
    structure = fields.value("mask_structure", "unstructured")
    text = str(structure)
    if text in ("unstructured", "0:0"):
        return "unstructured"
    if re.fullmatch(r"\d{1,3}:\d{1,3}", text):
        return text
    block = re.fullmatch(r"block_(\d{1,4}),(\d{1,4})", text)
    if block and "1" in block.groups():
        return [int(size) for size in block.groups()]
    fields.refuse(
        "mask_structure",
        f"of {fields.name} has no counterpart here",
        "use unstructured, N:M such as '2:4', or a block of one row such as block_1,4",
    )
    return "unstructured"
