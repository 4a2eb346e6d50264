"""Targets of llm-compressor's pruning as names of parameters.

There a target may also be a module, a pattern for modules or a class of modules, and means their weights.
"""

from __future__ import annotations

import re
from typing import Any, cast

from engine.recipes.newer.fields import NewerFields

ALL = "__ALL__"
ALL_PRUNABLE = "__ALL_PRUNABLE__"
WEIGHTS = r"re:.*\.weight$"
PATTERN = "re:"
_PARAMETERS = ("weight", "bias")


def put_targets(fields: NewerFields) -> None:
    """Set `params` to what `targets` mean."""
    fields.words["params"] = "targets"
    value = fields.value("targets")
    if value is None:
        return
    if isinstance(value, list):
        names: Any = [as_parameter(fields, name) for name in cast("list[Any]", value)]
    else:
        names = _one(fields, value)
    fields.put("params", names, "targets")


def _one(fields: NewerFields, value: Any) -> Any:
    if value == ALL:
        return [WEIGHTS]
    if value == ALL_PRUNABLE or not isinstance(value, str):
        return value
    return [as_parameter(fields, value)]


def as_parameter(fields: NewerFields, name: Any) -> Any:
    """The parameter, or the pattern for parameters, that one target means."""
    if not isinstance(name, str) or name in (ALL, ALL_PRUNABLE):
        return WEIGHTS if name == ALL else name
    if name.startswith(PATTERN):
        return _pattern(name.removeprefix(PATTERN))
    if re.fullmatch(r"[A-Z]\w*", name):
        fields.refuse(
            "targets",
            f"of {fields.name} names {name!r}, which is a class of modules",
            f"name parameters, a pattern such as 're:.*dense.weight', or {ALL_PRUNABLE}",
        )
    return name if name.rpartition(".")[2] in _PARAMETERS else f"{name}.weight"


def _pattern(pattern: str) -> str:
    """A pattern that names no kind of parameter means weights: of the modules it matches, or within them."""
    if any(word in pattern for word in _PARAMETERS):
        return PATTERN + pattern
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        return rf"{PATTERN}(?:{pattern[:-1]})\.weight$"
    return rf"{PATTERN}(?=.*\.weight$){pattern}"
