"""Quantization of llm-compressor as quantization-aware training by a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from engine.recipes.modifiers import Modifier, QuantizationModifier, SchemeQuantizationModifier
from engine.recipes.modifiers.quantization import LEGACY_FIELDS
from engine.recipes.newer.fields import NewerFields
from engine.recipes.newer.tensors import PARTS, tensor
from engine.recipes.problems import did_you_mean

_OLDER = frozenset({"scheme_overrides", "post_oneshot_calibration", "model_fuse_fn_name", "strict"})
"""Fields of SparseML's own newer framework: a scheme for the whole model, as here."""
_UNQUANTIZED = {"input_activations": None, "weights": None, "output_activations": None}
_PRESETS: dict[str, dict[str, Any] | None] = {
    "UNQUANTIZED": {},
    "W8A16": {"weights": {"num_bits": 8, "symmetric": True, "strategy": "channel"}},
    **dict.fromkeys(
        ("W8A8", "INT8", "W4A16", "W4A16_ASYM", "W4A8", "FP8", "FP8_DYNAMIC", "FP8_BLOCK", "NVFP4", "NVFP4A16", "MXFP4")
    ),
}
"""Named schemes; None for those with groups, floats or ranges made while the model runs, which have no counterpart."""
_STATIC = "write config_groups with num_bits and strategy: tensor, or channel for weights"


def quantization(fields: NewerFields) -> type[Modifier]:
    """By config groups, by a scheme for targets, or in the older form by a scheme for the whole model."""
    given = fields.given
    if LEGACY_FIELDS.intersection(given):
        return QuantizationModifier
    if _OLDER.intersection(given) or not {"config_groups", "scheme", "targets"}.intersection(given):
        return whole_model(fields)
    _note_start(fields)
    for name in ("kv_cache_scheme", "weight_observer", "input_observer", "output_observer", "observer"):
        fields.only(name, None, why="ranges are moving averages of minimum and maximum here")
    for name in ("validate_group_size", "bypass_divisibility_checks"):
        fields.value(name)
    overrides = _overrides(fields)
    fields.put("scheme", _UNQUANTIZED)
    fields.put("scheme_overrides", overrides, "config_groups" if "config_groups" in given else "scheme")
    _check_names(fields, "ignore", fields.left.get("ignore") and fields.reader.plain(given["ignore"][1], fields.scope))
    fields.put("strict", False)
    return SchemeQuantizationModifier


def whole_model(fields: NewerFields) -> type[Modifier]:
    """The scheme of the older form is the one of this project."""
    _note_start(fields)
    fields.only("post_oneshot_calibration", False, why="quantization is trained here")
    return SchemeQuantizationModifier


def _note_start(fields: NewerFields) -> None:
    if not {"start", "start_epoch"}.intersection(fields.given):
        fields.reader.note(
            fields.node, f"{fields.name} has no start: it trains from the first step, llm-compressor would calibrate"
        )


def _overrides(fields: NewerFields) -> dict[str, Any]:
    """What each target is quantized by."""
    groups, scheme = fields.value("config_groups"), fields.value("scheme")
    targets = fields.value("targets", ["Linear"])
    if groups is not None and scheme is not None:
        fields.refuse("scheme", f"and config_groups of {fields.name} cannot both be given")
    if groups is not None:
        return _grouped(fields, groups)
    if isinstance(scheme, Mapping) and not set(cast("Mapping[str, Any]", scheme)) <= {*PARTS, "targets"}:
        found: dict[str, Any] = {}
        for name, names in cast("Mapping[Any, Any]", scheme).items():
            found |= _for_targets(fields, _preset(fields, name), names, ("scheme", str(name)))
        return found
    chosen = _preset(fields, scheme) if isinstance(scheme, str) else _scheme(fields, scheme or {}, ("scheme",))
    return _for_targets(fields, chosen, targets, ("targets",))


def _grouped(fields: NewerFields, groups: Any) -> dict[str, Any]:
    if not isinstance(groups, Mapping):
        fields.refuse("config_groups", f"of {fields.name} must be a mapping of groups")
        return {}
    found: dict[str, Any] = {}
    for name, group in cast("Mapping[Any, Any]", groups).items():
        at = ("config_groups", str(name))
        if isinstance(group, Mapping):
            given = cast("Mapping[str, Any]", group)
            targets = given.get("targets", ["Linear"])
            found |= _for_targets(fields, _scheme(fields, given, at), targets, (*at, "targets"))
        elif str(name).upper() in _PRESETS:
            found |= _for_targets(fields, _preset(fields, name), group, at)
        else:
            fields.refuse(at[0], f"of {fields.name} must hold mappings of targets, weights and so on", inside=at[1:])
    return found


def _scheme(fields: NewerFields, group: Any, at: tuple[str, ...]) -> dict[str, Any]:
    """The scheme of one group; parts that it does not mention are not quantized."""
    if not isinstance(group, Mapping):
        fields.refuse(at[0], f"of {fields.name} must be a name or a mapping", inside=at[1:])
        return dict(_UNQUANTIZED)
    given = cast("Mapping[Any, Any]", group)
    for name in given:
        if name not in (*PARTS, "targets", "format") or (name == "format" and given[name] is not None):
            near = did_you_mean(str(name), [*PARTS, "targets"])
            fields.refuse(at[0], f"of {fields.name} has an unknown part '{name}'", near, inside=(*at[1:], str(name)))
    return {part: tensor(fields, given.get(part), (*at, part)) for part in PARTS}


def _preset(fields: NewerFields, name: Any) -> dict[str, Any]:
    known = _PRESETS.get(str(name).upper())
    if known is None:
        near = did_you_mean(str(name), _PRESETS) if str(name).upper() not in _PRESETS else ""
        fields.refuse("scheme", f"{name} of {fields.name} has no counterpart here", near or _STATIC)
    return {**_UNQUANTIZED, **(known or {})}


def _for_targets(fields: NewerFields, scheme: dict[str, Any], targets: Any, at: tuple[str, ...]) -> dict[str, Any]:
    return dict.fromkeys(_check_names(fields, at[0], targets, at[1:]), scheme)


def _check_names(fields: NewerFields, field: str, names: Any, inside: tuple[str, ...] = ()) -> list[str]:
    """Names of modules or of their classes; patterns have no counterpart."""
    listed = cast("list[Any]", names) if isinstance(names, list) else [names] if names is not None else []
    for name in listed:
        if not isinstance(name, str) or name.startswith("re:"):
            fields.refuse(
                field, f"of {fields.name} names {str(name)[:40]!r}", "name modules or their classes", inside=inside
            )
    return [name for name in listed if isinstance(name, str)]
