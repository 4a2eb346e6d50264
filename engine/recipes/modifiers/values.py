"""The kind of field that holds what is put into parameters: a number, or nested lists of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from engine.recipes.modifiers.kinds import BadValueError, as_number, shown

Value = float | Sequence["Value"]


class Values:
    """A finite number for all members, or nested lists of such numbers, those side by side of one length."""

    def read(self, value: Any) -> Value:
        read = _read(value)
        shape_of(read)
        return read


def _read(value: Any) -> Value:
    if isinstance(value, list | tuple):
        return [_read(member) for member in cast("Sequence[Any]", value)]
    number = float(value) if isinstance(value, bool) else as_number(value)
    if number is None:
        raise BadValueError(f"is neither a number nor lists of numbers: it holds {shown(value)}")
    if not math.isfinite(number):
        raise BadValueError(f"must be finite, not {shown(value)}")
    return number


def shape_of(value: Value) -> tuple[int, ...]:
    """The lengths of nested lists from the outermost on, () for a number. Raises `BadValueError` for ragged ones."""
    if isinstance(value, float | int):
        return ()
    shapes = {shape_of(member) for member in value}
    if len(shapes) != 1:
        lengths = "lists of different lengths or depths" if shapes else "an empty list"
        raise BadValueError(f"is neither a number nor lists of numbers of one length: it holds {lengths}")
    return (len(value), *shapes.pop())
