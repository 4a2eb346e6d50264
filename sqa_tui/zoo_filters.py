"""The filter fields of the Zoo screen and what they ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.zoo import Entry
from engine.zoo.filters import Query
from sqa_tui.widgets.filter_bar import Field

MOST_VALUES = 40
"""So many values of a field are offered; words find the others."""
YES_NO = ("yes", "no")
SPARSITIES = {"dense": (0.0, 0.0), "≥50": (50.0, None), "≥80": (80.0, None), "≥90": (90.0, None), "≥95": (95.0, None)}
TASKS = {"qa": "question_answering", "mlm": "masked_language_modeling"}
ANSWERS = {"int8": "quantised", "recipe": "recipe", "teacher": "teacher", "local": "local"}
"""Fields that are answered by yes or no, and what of a query they are."""


def fields_for(entries: Sequence[Entry]) -> list[Field]:
    """The fields, with the values that occur in the entries."""
    architectures = sorted({entry.architecture for entry in entries if entry.architecture})
    layers = sorted({entry.layers for entry in entries if entry.layers})
    sources = dict.fromkeys(name for entry in entries for name in (entry.source, entry.place) if name)
    return [
        Field("architecture", "arch", tuple(architectures[:MOST_VALUES])),
        Field("layers", "layers", tuple(str(count) for count in layers[:MOST_VALUES])),
        Field("sparsity", "sparsity", tuple(SPARSITIES)),
        *(Field(name, name, YES_NO) for name in ANSWERS),
        Field("task", "task", tuple(TASKS)),
        Field("source", "source", tuple(sources)),
    ]


def query_of(chosen: Mapping[str, str]) -> Query:
    """What the values of the fields ask for."""
    asked: dict[str, Any] = {
        name: chosen[field] == "yes" for field, name in ANSWERS.items() if chosen.get(field) in YES_NO
    }
    low, high = SPARSITIES.get(chosen.get("sparsity", ""), (None, None))
    layers = chosen.get("layers", "")
    return Query(
        architecture=chosen.get("architecture", ""),
        layers=int(layers) if layers.isdigit() else None,
        min_sparsity=low,
        max_sparsity=high,
        task=TASKS.get(chosen.get("task", ""), ""),
        source=chosen.get("source", ""),
        **asked,
    )
