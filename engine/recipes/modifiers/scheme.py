"""Quantization schemes: how inputs, weights and outputs of a module are quantized."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

from engine.recipes.modifiers.kinds import (
    BadValueError,
    Boolean,
    Gathered,
    Kind,
    Optional,
    Settings,
    Text,
    Whole,
    shown,
)
from engine.recipes.modifiers.observers import ObserverSettings, observer_arguments
from engine.recipes.problems import did_you_mean


@dataclass(frozen=True)
class QuantizationArguments:
    """How one tensor is quantized."""

    num_bits: int = 8
    symmetric: bool = True
    strategy: str = "tensor"
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])


INPUTS = QuantizationArguments(symmetric=False)
WEIGHTS = QuantizationArguments(symmetric=True)


@dataclass(frozen=True)
class QuantizationScheme:
    """Inputs, weights and outputs of a module; None where they are not quantized."""

    input_activations: QuantizationArguments | None = INPUTS
    weights: QuantizationArguments | None = WEIGHTS
    output_activations: QuantizationArguments | None = None
    target_hardware: str | None = None


NAMED = {
    "default": QuantizationScheme(),
    "deepsparse": QuantizationScheme(target_hardware="deepsparse"),
    "tensorrt": QuantizationScheme(input_activations=WEIGHTS, target_hardware="tensorrt"),
}

_ARGUMENTS: dict[str, Kind] = {
    "num_bits": Whole(minimum=2, maximum=8),
    "symmetric": Boolean(),
    "strategy": Text(("tensor", "channel")),
    "kwargs": ObserverSettings(signed=True),
}


@dataclass(frozen=True)
class SchemeKind:
    """A scheme by name or as a mapping; parts a mapping does not mention take the default."""

    def read(self, value: Any) -> QuantizationScheme:
        if value is None:
            return QuantizationScheme()
        if isinstance(value, QuantizationScheme):
            return value
        if isinstance(value, str) and value in NAMED:
            return NAMED[value]
        if isinstance(value, Mapping):
            return _scheme(cast("Mapping[Any, Any]", value))
        near = did_you_mean(value, NAMED) if isinstance(value, str) else ""
        raise BadValueError(f"must be one of {', '.join(NAMED)} or a mapping, not {shown(value)}", suggestion=near)


@dataclass(frozen=True)
class OverrideMapping:
    """Schemes by the name or class name of the modules they are for."""

    def read(self, value: Any) -> dict[str, QuantizationScheme]:
        schemes: dict[str, QuantizationScheme] = {}
        gathered = Gathered()
        for name, scheme in Settings().read(value or {}).items():
            with gathered.part(), inside(name):
                schemes[name] = SchemeKind().read(scheme)
        gathered.conclude()
        return schemes


def _scheme(value: Mapping[Any, Any]) -> QuantizationScheme:
    defaults = {"input_activations": INPUTS, "weights": WEIGHTS, "output_activations": WEIGHTS}
    gathered = Gathered()
    _check_known(gathered, value, [*defaults, "target_hardware"])
    parts: dict[str, Any] = {}
    for name in (name for name in defaults if name in value):
        with gathered.part(), inside(name):
            parts[name] = _arguments(value[name], defaults[name], channels=name == "weights")
    hardware = None
    with gathered.part(), inside("target_hardware"):
        hardware = Optional(Text()).read(value.get("target_hardware"))
    gathered.conclude()
    return QuantizationScheme(**parts, target_hardware=hardware)


def _arguments(value: Any, default: QuantizationArguments, *, channels: bool) -> QuantizationArguments | None:
    if value is None or isinstance(value, QuantizationArguments):
        return value
    if not isinstance(value, Mapping):
        raise BadValueError(f"must describe each part by a mapping, not {shown(value)}")
    given = cast("Mapping[Any, Any]", value)
    gathered = Gathered()
    _check_known(gathered, given, list(_ARGUMENTS))
    read: dict[str, Any] = {}
    for name, member in given.items():
        with gathered.part(), inside(name):
            read[name] = _ARGUMENTS[name].read(member) if name in _ARGUMENTS else None
    gathered.conclude()
    made = replace(QuantizationArguments(symmetric=default.symmetric), **read)
    if not channels and (made.strategy == "channel" or observer_arguments(made.kwargs).get("per_channel")):
        raise BadValueError("asks for a range for each channel, which only weights can have")
    return made


@contextmanager
def inside(name: str) -> Generator[None]:
    """Let a `BadValueError` say that it is inside the member `name` of a mapping."""
    gathered = Gathered()
    with gathered.part():
        yield
    for fault in gathered.faults:
        text = str(fault) if fault.at else f"holds {name}, which {fault}"
        fault.args, fault.at = (text,), (name, *fault.at)
    gathered.conclude()


def _check_known(gathered: Gathered, value: Mapping[Any, Any], known: list[str]) -> None:
    for name in (name for name in value if name not in known):
        with gathered.part(str(name)):
            near = did_you_mean(str(name), known) or f"known are {', '.join(known)}"
            raise BadValueError(f"has an unknown part {shown(name)}; {near}")
