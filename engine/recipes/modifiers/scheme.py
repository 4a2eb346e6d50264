"""Quantization schemes: how inputs, weights and outputs of a module are quantized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from engine.recipes.modifiers.kinds import BadValueError, Boolean, Kind, Optional, Settings, Text, Whole, shown


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
    "num_bits": Whole(minimum=2),
    "symmetric": Boolean(),
    "strategy": Text(("tensor", "channel")),
    "kwargs": Settings(),
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
        raise BadValueError(f"must be one of {', '.join(NAMED)} or a mapping, not {shown(value)}")


@dataclass(frozen=True)
class OverrideMapping:
    """Schemes by the name or class name of the modules they are for."""

    def read(self, value: Any) -> dict[str, QuantizationScheme]:
        return {name: SchemeKind().read(scheme) for name, scheme in Settings().read(value or {}).items()}


def _scheme(value: Mapping[Any, Any]) -> QuantizationScheme:
    defaults = {"input_activations": INPUTS, "weights": WEIGHTS, "output_activations": WEIGHTS}
    _refuse_unknown(value, [*defaults, "target_hardware"])
    parts = {name: _arguments(value[name], default) for name, default in defaults.items() if name in value}
    hardware = Optional(Text()).read(value.get("target_hardware"))
    return QuantizationScheme(**parts, target_hardware=hardware)


def _arguments(value: Any, default: QuantizationArguments) -> QuantizationArguments | None:
    if value is None or isinstance(value, QuantizationArguments):
        return value
    if not isinstance(value, Mapping):
        raise BadValueError(f"must describe each part by a mapping, not {shown(value)}")
    given = cast("Mapping[Any, Any]", value)
    _refuse_unknown(given, list(_ARGUMENTS))
    read: dict[str, Any] = {name: _ARGUMENTS[name].read(member) for name, member in given.items()}
    return replace(QuantizationArguments(symmetric=default.symmetric), **read)


def _refuse_unknown(value: Mapping[Any, Any], known: list[str]) -> None:
    for name in value:
        if name not in known:
            raise BadValueError(f"has an unknown part {shown(name)}; known are {', '.join(known)}")
