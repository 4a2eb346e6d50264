"""The outline of a recipe: which keys are groups of modifiers, which are stages, which are variables."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.recipes.groups import Pairs, group_members, is_group, is_newer_group, is_newer_list
from engine.recipes.newer.stages import stage_settings, unfolded
from engine.recipes.nodes import Node, is_alias
from engine.recipes.problems import did_you_mean
from engine.recipes.reader import Reader

METADATA = "__metadata__"
VERSION = "version"


@dataclass
class Part:
    """A mapping that holds variables and groups of modifiers: the recipe itself or one of its stages."""

    name: str
    place: Node
    variables: dict[str, Node] = field(default_factory=dict[str, Node])
    keys: dict[str, Node] = field(default_factory=dict[str, Node])
    modifiers: list[Node] = field(default_factory=list[Node])
    metadata: Node | None = None

    def override(self, name: str, value: Node) -> None:
        """Give a variable another value: one with an anchor for all its aliases, an alias for itself alone."""
        if is_alias(self.keys[name], self.variables[name]):
            value.replaced, value.text = True, self.variables[name].text
            self.variables[name] = value
        else:
            self.variables[name].replace(value)


@dataclass
class Outline:
    """The recipe itself (`top`), and the parts that hold its modifiers: `top` alone, or the stages."""

    top: Part
    parts: list[Part]
    version: Node | None = None

    def holders(self) -> dict[str, list[Part]]:
        """Where every variable stands by name: the top and the stages."""
        found: dict[str, list[Part]] = {}
        for part in [self.top, *(part for part in self.parts if part is not self.top)]:
            for name in part.variables:
                found.setdefault(name, []).append(part)
        return found


def outline(reader: Reader, root: Node) -> Outline:
    """Sort the keys of a recipe; what fits nowhere is a problem."""
    if root.is_modifier:
        part = Part("", root, modifiers=[root])
        return Outline(part, [part])
    if root.shape == "list" and is_newer_list(root):
        part = Part("", root, modifiers=group_members(reader, root, root))
        return Outline(part, [part])
    if root.shape != "mapping":
        reader.problem(root, "a recipe is a mapping of variables and groups of modifiers, such as 'modifiers:'")
        return Outline(Part("", root), [])
    pairs = unfolded(reader, reader.fields(root))
    stages = [key for key, value in pairs if _is_stage(reader, value)]
    if any(is_group(key) for key, _ in pairs):
        _check_left_out(reader, pairs, stages)
        stages = []
    return _outlined(reader, root, pairs, stages)


def _outlined(reader: Reader, root: Node, pairs: Pairs, stages: list[Node]) -> Outline:
    top = Part("", root)
    version = next((value for key, value in pairs if key.value == VERSION), None)
    parts = [_stage(reader, key, value) for key, value in pairs if key in stages]
    _sort(reader, top, [pair for pair in pairs if pair[0] not in stages])
    if stages and top.modifiers:
        reader.problem(top.modifiers[0], "a modifier stands outside the stages", "put it into one of them")
    _check_metadata(reader, parts)
    return Outline(top, parts or [top], version)


def _is_stage(reader: Reader, value: Node) -> bool:
    return value.shape == "mapping" and not value.is_modifier and any(is_group(key) for key, _ in reader.fields(value))


def _check_left_out(reader: Reader, pairs: Pairs, stages: list[Node]) -> None:
    """Stages do not count where modifiers stand outside of them; in the newer form they would."""
    for key, value in pairs:
        if key not in stages:
            continue
        message = f"'{key.value}' looks like a stage, but modifiers also stand outside of stages, so it does not count"
        if any(is_newer_group(inner, members) for inner, members in reader.fields(value)):
            reader.problem(key, message, "put all modifiers into stages, or none")
        else:
            reader.note(key, message)


def _stage(reader: Reader, key: Node, value: Node) -> Part:
    part = Part(str(key.value), key)
    pairs = reader.fields(value)
    if any(is_newer_group(inner, members) for inner, members in pairs):
        pairs = stage_settings(reader, key, pairs)
    _sort(reader, part, pairs)
    return part


def _sort(reader: Reader, part: Part, pairs: Pairs) -> None:
    for key, value in pairs:
        name = str(key.value)
        if value.is_modifier:
            part.modifiers.append(value)
        elif is_group(key) and value.shape != "scalar":
            part.modifiers += group_members(reader, key, value)
        elif name == METADATA:
            part.metadata = value
        elif value.shape == "list" and any(member.is_modifier for member in value.members()):
            better = "modifiers" if did_you_mean(name, ["modifiers"]) else f"{name}_modifiers"
            reader.problem(key, f"'{name}' holds modifiers but its name does not say so", f"call it '{better}'")
        elif name != VERSION and not (is_group(key) and value.value is None):
            part.variables[name], part.keys[name] = value, key


def _check_metadata(reader: Reader, parts: list[Part]) -> None:
    without = [part for part in parts if part.metadata is None]
    if without and len(without) < len(parts):
        reader.problem(without[0].place, f"stage '{without[0].name}' has no {METADATA} though other stages have it")
