"""Lists whose members are all of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from engine.recipes.modifiers.kinds import BadValueError, Gathered, Kind, shown


@dataclass(frozen=True)
class Members:
    """A list of values of one kind."""

    of: Kind

    def read(self, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise BadValueError(f"must be a list, not {shown(value)}")
        gathered = Gathered()
        read: list[Any] = []
        for place, member in enumerate(cast("list[Any] | tuple[Any, ...]", value)):
            with gathered.part(str(place)):
                read.append(self._member(member))
        gathered.conclude()
        return tuple(read)

    def _member(self, member: Any) -> Any:
        try:
            return self.of.read(member)
        except BadValueError as fault:
            raise BadValueError(f"has a member that {fault}", fault.at, fault.suggestion) from None
