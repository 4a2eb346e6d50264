"""What a field of a modifier may hold: each kind reads a plain value and says in words why it cannot.

A kind is put in the metadata of a dataclass field, ``field(default=..., metadata=kind(Number(minimum=0)))``, so that
the loader, the constructors and the documentation all read the same table.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

from engine.recipes.meant import call_advice, meant_number, share
from engine.recipes.problems import did_you_mean

ALL_TOKENS = ("__ALL__", "__ALL_PRUNABLE__")
FROM_PARAM = "__FROM_PARAM__"


class BadValueError(ValueError):
    """A value that its field cannot hold; the text says what is expected, `at` the keys and places (from 0) that lead
    to what is wrong inside a mapping or a list, `suggestion` what may be meant."""

    def __init__(self, text: str, at: tuple[str, ...] = (), suggestion: str = "") -> None:
        super().__init__(text)
        self.at = at
        self.suggestion = suggestion
        self.further: tuple[BadValueError, ...] = ()
        """What else is wrong in the same value."""

    def each(self) -> Iterator[BadValueError]:
        """This and all that is wrong besides."""
        yield self
        for other in self.further:
            yield from other.each()


class Gathered:
    """Reads the parts of a value one by one and keeps what is wrong with each, to raise it all at once."""

    def __init__(self) -> None:
        self.faults: list[BadValueError] = []

    @contextmanager
    def part(self, *at: str) -> Generator[None]:
        """Keep the `BadValueError` raised inside, at the keys `at`."""
        try:
            yield
        except BadValueError as fault:
            for one in list(fault.each()):
                one.at, one.further = (*at, *one.at), ()
                self.faults.append(one)

    def conclude(self) -> None:
        """Raise what was kept, if anything was."""
        if self.faults:
            first, *others = self.faults
            first.further = tuple(others)
            raise first


class Kind(Protocol):
    """Reads a plain value into the field's type."""

    def read(self, value: Any) -> Any:
        """Return the value as the field keeps it; raises `BadValueError`."""
        ...


def kind(of: Kind, *, saved: bool = True) -> dict[str, Any]:
    """Metadata of a dataclass field; `saved` is False for what a saved recipe leaves out."""
    return {"kind": of, "saved": saved}


def shown(value: Any) -> str:
    """A value as an error message quotes it, short."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


MOST_BITS = 1023
"""Larger integers are no floats."""


def as_number(value: Any) -> float | int | None:
    """The number a value is or, as text, spells; None otherwise. Truth values are not numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return math.inf if value > 0 else -math.inf
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and len(value) <= 64:
        try:
            return float(value)
        except ValueError:
            return None
    return None


_PERCENT = 5
"""From here on a number is taken for a percentage where at most 1 is allowed."""


@dataclass(frozen=True)
class Number:
    """A real number in a closed (or, at the lower end, open) interval."""

    minimum: float = -math.inf
    maximum: float = math.inf
    above: float = -math.inf
    below: float = math.inf

    def read(self, value: Any) -> float:
        number = as_number(value)
        if number is None or math.isnan(number):
            raise BadValueError(f"must be a number, not {shown(value)}", suggestion=self.meant(value))
        inside = self.minimum <= number <= self.maximum and self.above < number < self.below
        if not inside or math.isinf(number):
            raise BadValueError(f"must be {self._range()}, not {shown(value)}", suggestion=self.meant(number))
        return float(number)

    def meant(self, value: Any) -> str:
        """A share where a percentage is given, and a number where it is written in another way."""
        meant = meant_number(value)
        if isinstance(value, int | float) and value >= _PERCENT and min(self.maximum, self.below) <= 1:
            meant = share(value)
        fits = meant is not None and self.minimum <= meant <= self.maximum and self.above < meant < self.below
        return f"did you mean {meant:g}?" if fits else call_advice(value)

    def _range(self) -> str:
        bounds = [(self.minimum, "at least"), (self.above, "above"), (self.maximum, "at most"), (self.below, "below")]
        said = [f"{word} {bound:g}" for bound, word in bounds if not math.isinf(bound)]
        return " and ".join(said) or "finite"


LAST_EPOCH = 1e6


@dataclass(frozen=True)
class Epoch:
    """An epoch from 0 on, or -1 for never or from the beginning; also a number of epochs, -1 for every step."""

    def read(self, value: Any) -> float:
        number = as_number(value)
        if number is None or not (number == -1 or 0 <= number <= LAST_EPOCH):
            message = f"must be -1 or a number in 0 ... {LAST_EPOCH:.0f}, not {shown(value)}"
            raise BadValueError(message, suggestion=call_advice(value))
        return float(number)


@dataclass(frozen=True)
class Whole:
    """An integer; a float without a fraction is taken as one."""

    minimum: int | None = None
    maximum: int | None = None

    def read(self, value: Any) -> int:
        number = as_number(value)
        if number is None or math.isnan(number) or math.isinf(number) or number != int(number):
            raise BadValueError(f"must be a whole number, not {shown(value)}", suggestion=call_advice(value))
        if self.minimum is not None and number < self.minimum:
            raise BadValueError(f"must be at least {self.minimum}, not {shown(value)}")
        if self.maximum is not None and number > self.maximum:
            raise BadValueError(f"must be at most {self.maximum}, not {shown(value)}")
        return int(number)


_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Boolean:
    """True or false; 1, 0 and the words yes, no, on, off are understood."""

    def read(self, value: Any) -> bool:
        if isinstance(value, bool | int | float) and value in (0, 1):
            return bool(value)
        if isinstance(value, str) and value.lower() in _WORDS:
            return _WORDS[value.lower()]
        raise BadValueError(f"must be true or false, not {shown(value)}")


@dataclass(frozen=True)
class Text:
    """Text, one of `choices` where there are any."""

    choices: tuple[str, ...] = ()

    def read(self, value: Any) -> str:
        if not isinstance(value, str):
            raise BadValueError(f"must be {self._expected()}, not {shown(value)}")
        if self.choices and value not in self.choices:
            message = f"must be {self._expected()}, not {shown(value)}"
            raise BadValueError(message, suggestion=did_you_mean(value, self.choices))
        return value

    def _expected(self) -> str:
        return "one of " + ", ".join(self.choices) if self.choices else "text"


def placed(value: Any, at: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    """The members of nested lists, in order, each with the places that lead to it."""
    if isinstance(value, list | tuple):
        for place, member in enumerate(cast("list[Any] | tuple[Any, ...]", value)):
            yield from placed(member, (*at, place))
    else:
        yield at, value


PATTERN = "re:"
LONGEST_PATTERN = 1000


def check_pattern(name: str) -> None:
    """`BadValueError` where a name begins with ``re:`` but is no regular expression."""
    if not name.startswith(PATTERN):
        return
    if len(name) > LONGEST_PATTERN:
        raise BadValueError(f"holds a pattern of more than {LONGEST_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            # Python warns on stderr about patterns that may mean something else one day.
            warnings.simplefilter("ignore")
            re.compile(name.removeprefix(PATTERN))
    except (re.error, OverflowError, RecursionError) as error:
        raise BadValueError(f"holds {shown(name)}, which is no regular expression ({error})") from None


@dataclass(frozen=True)
class Names:
    """A list of names or ``re:`` patterns; nested lists are flattened."""

    def read(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            raise BadValueError(f"must be a list of names, not {shown(value)}")
        gathered = Gathered()
        members: list[str] = []
        for place, member in placed(value):
            with gathered.part(*map(str, place)):
                if not isinstance(member, str):
                    raise BadValueError(f"must be a list of names, but holds {shown(member)}")
                check_pattern(member)
                members.append(member)
        gathered.conclude()
        return tuple(members)


@dataclass(frozen=True)
class Selection:
    """``__ALL__``, ``__ALL_PRUNABLE__`` (any case) or a list of names and ``re:`` patterns."""

    def read(self, value: Any) -> str | tuple[str, ...]:
        if isinstance(value, str):
            if value.upper() in ALL_TOKENS:
                return value.upper()
            message = f"must be a list of names, __ALL__ or __ALL_PRUNABLE__, not {shown(value)}"
            raise BadValueError(message, suggestion=did_you_mean(value, ALL_TOKENS))
        return Names().read(value)


@dataclass(frozen=True)
class Optional:
    """Another kind, or nothing (null)."""

    of: Kind

    def read(self, value: Any) -> Any:
        return None if value is None else self.of.read(value)


@dataclass(frozen=True)
class OrElse:
    """Another kind; null means `otherwise`."""

    of: Kind
    otherwise: Any

    def read(self, value: Any) -> Any:
        return self.of.read(self.otherwise if value is None else value)


@dataclass(frozen=True)
class Settings:
    """A mapping from names to anything."""

    def read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise BadValueError(f"must be a mapping of settings, not {shown(value)}")
        return {str(key): member for key, member in cast("Mapping[Any, Any]", value).items()}


@dataclass(frozen=True)
class Fixed:
    """A field the modifier accepts but does not heed: it always keeps `value`."""

    value: Any

    def read(self, value: Any) -> Any:
        return self.value


@dataclass(frozen=True)
class Anything:
    """A value that is passed on unread."""

    def read(self, value: Any) -> Any:
        return value
