"""What all modifiers have in common: a name, fields with kinds, epochs, checks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, cast

from engine.errors import UserError
from engine.recipes.modifiers.kinds import BadValueError, Epoch, Kind, kind

if TYPE_CHECKING:
    from typing_extensions import Self

EPOCH = kind(Epoch())
Modifier_ = TypeVar("Modifier_", bound="Modifier")


class FieldFault(NamedTuple):
    """What is wrong with one field; `at`: the keys that lead to it inside a mapping, `suggestion`: what may be
    meant."""

    field: str
    message: str
    at: tuple[str, ...] = ()
    suggestion: str = ""


@dataclass(frozen=True, kw_only=True)
class Modifier:
    """One instruction of a recipe, checked and typed.

    Fields have the recipe's names and defaults. The constructor reads every value through the kind of its field and
    raises `UserError` for the first that does not fit; `faults` tells all of them without raising.
    """

    name: ClassVar[str] = ""
    """The tag in a recipe, without the exclamation mark."""
    implementation: ClassVar[str] = ""
    """Which of two implementations of one name this is (quantization only)."""
    end_is: ClassVar[str] = "free"
    """What the end must be: free (-1 or at least the start), after (above the start), never (-1)."""
    acts_on: ClassVar[str] = "training"
    """structure (applied again when a checkpoint is loaded), pruning, training or loss."""

    start_epoch: float = field(default=-1.0, metadata=EPOCH)
    end_epoch: float = field(default=-1.0, metadata=EPOCH)

    def __post_init__(self) -> None:
        values = {name: getattr(self, name) for name in kinds(type(self))}
        read, wrong = read_fields(type(self), values)
        for name, value in read.items():
            object.__setattr__(self, name, value)
        for fault in wrong or list(self.faults()):
            raise UserError(f"{fault.field} of {self.name} {fault.message}")

    @classmethod
    def unchecked(cls, values: dict[str, Any], unread: Collection[str] = ()) -> Self:
        """A modifier of values that were read already, so that `faults` can be asked without an exception; without
        those fields that are `unread`."""
        made = object.__new__(_without(cls, frozenset(unread)))
        for name, item in cls.__dataclass_fields__.items():
            if name not in unread:
                object.__setattr__(made, name, values[name] if name in values else _default(item))
        return made

    def faults(self) -> Iterator[FieldFault]:
        """What does not fit together among fields that are right one by one; what needs an unread one is left out."""
        for part in reversed(type(self).__mro__):
            if "own_faults" in vars(part):
                with suppress(UnreadError):
                    yield from cast("type[Modifier]", part).own_faults(self)

    def own_faults(self) -> Iterator[FieldFault]:
        """Those that come with a class, besides those of the classes above it."""
        yield from self._end_faults()

    def _selection_faults(self) -> Iterator[FieldFault]:
        """For modifiers that do nothing without parameters."""
        if not getattr(self, "params", None):
            yield FieldFault("params", "must name at least one parameter")

    def _end_faults(self) -> Iterator[FieldFault]:
        start, end = self.start_epoch, self.end_epoch
        if self.end_is == "never" and end != -1:
            yield FieldFault("end_epoch", f"can only be -1 (it stays until training ends), not {end:g}")
        elif self.end_is == "after" and end <= start:
            yield FieldFault("end_epoch", f"must be above start_epoch ({start:g}), not {end:g}")
        elif self.end_is == "free" and end != -1 and end < start:
            yield FieldFault("end_epoch", f"must be -1 or at least start_epoch ({start:g}), not {end:g}")

    @property
    def begins(self) -> float:
        """The epoch at which it starts to act: -1 counts as 0."""
        return max(self.start_epoch, 0.0)

    def values(self, *, saved_only: bool = False) -> dict[str, Any]:
        """Every field by name, in alphabetical order."""
        chosen = [item for item in fields(self) if item.metadata.get("saved", True) or not saved_only]
        return {item.name: getattr(self, item.name) for item in sorted(chosen, key=lambda item: item.name)}


class UnreadError(Exception):
    """A field was asked for that could not be read."""


def _without(modifier: type[Modifier_], unread: frozenset[str]) -> type[Modifier_]:
    """The class without some of its fields: to ask for one raises `UnreadError`."""

    def ask(_: Modifier) -> Any:
        raise UnreadError

    if not unread:
        return modifier
    return cast("type[Modifier_]", type(modifier.__name__, (modifier,), dict.fromkeys(unread, property(ask))))


@cache
def kinds(modifier: type[Modifier]) -> dict[str, Kind]:
    """The kind of every field, in the order of their definition."""
    return {item.name: item.metadata["kind"] for item in fields(modifier)}


@cache
def required(modifier: type[Modifier]) -> list[str]:
    """The names of fields without a default."""
    return [item.name for item in fields(modifier) if not _has_default(item)]


def _has_default(item: Field[Any]) -> bool:
    return item.default is not MISSING or item.default_factory is not MISSING


def _default(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def read_fields(modifier: type[Modifier], values: dict[str, Any]) -> tuple[dict[str, Any], list[FieldFault]]:
    """Read plain values by the kinds of their fields; returns what could be read and what is wrong with the rest."""
    read: dict[str, Any] = {}
    wrong: list[FieldFault] = []
    table = kinds(modifier)
    for name, value in values.items():
        try:
            read[name] = table[name].read(value)
        except BadValueError as fault:
            wrong += [FieldFault(name, str(one), one.at, one.suggestion) for one in fault.each()]
    return read, wrong
