"""Stages of llm-compressor's form: what stands in them besides groups of modifiers."""

from __future__ import annotations

from engine.recipes.groups import Pairs, is_group
from engine.recipes.nodes import Node
from engine.recipes.reader import Reader

_STAGES = "stages"
_ARGUMENTS = "args"
_RUN_TYPE = "run_type"
_ACT_ONCE = ("SparseGPTModifier", "WandaPruningModifier", "OneShotPruningModifier")
_SWITCHES = ("enabled", "exclude_default", "group", "index")


def unfolded(reader: Reader, pairs: Pairs) -> Pairs:
    """The keys of a recipe with those of its mapping ``stages`` among them."""
    found: Pairs = []
    for key, value in pairs:
        inside = key.value == _STAGES and value.shape == "mapping" and not value.is_modifier
        found += reader.fields(value) if inside else [(key, value)]
    return found


def stage_settings(reader: Reader, stage: Node, pairs: Pairs) -> Pairs:
    """The keys of a stage without its settings, ``args`` unfolded; a stage that does not train is a problem."""
    found: Pairs = []
    run_type = None
    for key, value in pairs:
        if key.value == _RUN_TYPE:
            run_type = value
        elif key.value == _ARGUMENTS and value.shape == "mapping":
            found += reader.fields(value)
        elif key.value == "enabled" and value.value is False:
            reader.problem(key, f"stage '{stage.value}' is switched off", "take it out of the recipe")
        elif key.value not in _SWITCHES:
            found.append((key, value))
    _check_run_type(reader, stage, run_type, found)
    return found


def _check_run_type(reader: Reader, stage: Node, run_type: Node | None, pairs: Pairs) -> None:
    kind = str(stage.value) if run_type is None else str(run_type.value)
    if "oneshot" in kind.lower().replace("_", ""):
        if not _acts_once(pairs):
            message = f"stage '{stage.value}' runs once, without training"
            reader.problem(run_type or stage, message, "only run_type: train is supported")
    elif run_type is not None and kind != "train":
        reader.problem(run_type, f"{_RUN_TYPE} of stage '{stage.value}' must be train, not {kind[:40]!r}")


def _acts_once(pairs: Pairs) -> bool:
    """Whether a stage holds nothing but modifiers that act in one step, with or without training."""
    names = [name for key, value in pairs if is_group(key) for name in _names(value)]
    return bool(names) and all(name in _ACT_ONCE for name in names)


def _names(group: Node) -> list[str]:
    """What the modifiers of a group are called."""
    members = group.members() if group.shape == "list" else [group]
    return [str(key.value) for member in members for key, _ in member.pairs()]
