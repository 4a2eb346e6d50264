"""How llm-compressor quantizes one tensor (compressed-tensors' `QuantizationArgs`), as far as it is possible here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from engine.recipes.modifiers.kinds import BadValueError, Boolean, Kind, Optional, Text, Whole
from engine.recipes.newer.fields import NewerFields, is_one_of, shown_choices
from engine.recipes.problems import did_you_mean

PARTS = ("weights", "input_activations", "output_activations")
_KEPT: Mapping[str, Kind] = {
    "num_bits": Whole(minimum=2, maximum=8),
    "symmetric": Boolean(),
    "strategy": Text(("tensor", "channel")),
}
_CHANNEL = -1

_ACCEPTED: dict[str, tuple[Any, ...]] = {
    "type": ("int",),
    "dynamic": (False,),
    "group_size": (None, _CHANNEL),
    "block_structure": (None,),
    "actorder": (None, False),
    "observer": (None, "minmax", "memoryless_minmax"),
    "observer_kwargs": (None, {}),
    "scale_dtype": (None,),
    "zp_dtype": (None,),
}
"""Fields that can only have values which change nothing here."""


def tensor(fields: NewerFields, value: Any, at: tuple[str, ...]) -> dict[str, Any] | None:
    """The arguments for one tensor; `at` is where they stand, for problems."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        fields.refuse(at[0], f"of {fields.name} must describe {at[-1]} by a mapping", inside=at[1:])
        return None
    given = {str(name): member for name, member in cast("Mapping[Any, Any]", value).items()}
    for name, member in given.items():
        said = _unfit(name, member)
        if said:
            fields.refuse(at[0], f"of {fields.name} {said[0]}", said[1], inside=(*at[1:], name))
    kept = {name: given[name] for name in _KEPT if given.get(name) is not None and not _misfit(name, given[name])}
    strategy = "channel" if given.get("group_size") == _CHANNEL else "tensor"
    return {"num_bits": 8, "symmetric": True, "strategy": strategy, **kept}


def _unfit(name: str, value: Any) -> tuple[str, str] | None:
    """What to say about one argument: message and suggestion; None where it fits."""
    if name in _KEPT:
        return _misfit(name, value)
    if name not in _ACCEPTED:
        return f"has an unknown setting '{name}'", did_you_mean(name, [*_KEPT, *_ACCEPTED])
    if is_one_of(value, _ACCEPTED[name]):
        return None
    only = f"only {shown_choices(_ACCEPTED[name])}"
    return f"has {name} {str(value)[:40]}, which has no counterpart here", only


def _misfit(name: str, value: Any) -> tuple[str, str] | None:
    try:
        Optional(_KEPT[name]).read(value)
    except BadValueError as fault:
        return f"has {name}, which {fault}", ""
    return None
