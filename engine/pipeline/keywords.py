"""The keywords of DeepSparse's `Pipeline.create`, as far as they mean something to ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import UserError, plain

OURS = {"sequence_length": "max_length", "num_cores": "threads", "batch_size": "batch_size"}
"""DeepSparse's name → the one here; the values are whole numbers from 1 on, or None for the default."""

WITHOUT_EFFECT = frozenset({"scheduler", "alias", "executor", "num_streams"})
"""How DeepSparse shares its engine out: accepted, because the answers are the same."""

_ENGINE = "onnxruntime"


def deepsparse_names(given: Mapping[str, Any]) -> dict[str, int]:
    """Keywords that were given under DeepSparse's names, under those of here.

    Raises `UserError` for a name that means nothing here, and for another engine than ONNX Runtime.
    """
    engine = given.get("engine_type", _ENGINE)
    if engine != _ENGINE:
        raise UserError(f"engine_type {plain(str(engine), 40)!r}: only ONNX Runtime answers here", "leave it out")
    known = {*OURS, *WITHOUT_EFFECT, "engine_type"}
    if strange := [name for name in given if name not in known]:
        raise UserError(
            f"Pipeline.create has no keyword {plain(strange[0], 40)}", f"it knows {', '.join(sorted(known))}"
        )
    return {OURS[name]: _count(name, value) for name, value in given.items() if name in OURS and value is not None}


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"{name} is {plain(repr(value), 40)}", "give a whole number, 1 or more")
    return value
