"""Lists whose members are all of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from engine.recipes.modifiers.kinds import BadValueError, Kind, shown


@dataclass(frozen=True)
class Members:
    """A list of values of one kind."""

    of: Kind

    def read(self, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise BadValueError(f"must be a list, not {shown(value)}")
        try:
            return tuple(self.of.read(member) for member in cast("list[Any] | tuple[Any, ...]", value))
        except BadValueError as fault:
            raise BadValueError(f"has a member that {fault}", suggestion=fault.suggestion) from None
