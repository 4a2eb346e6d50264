"""The outline of a recipe: which keys are groups of modifiers, which are stages, which are variables."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.recipes.nodes import Node
from engine.recipes.reader import Reader

GROUP = "modifiers"
METADATA = "__metadata__"
VERSION = "version"


@dataclass
class Part:
    """A mapping that holds variables and groups of modifiers: the recipe itself or one of its stages."""

    name: str
    place: Node
    variables: dict[str, Node] = field(default_factory=dict[str, Node])
    modifiers: list[Node] = field(default_factory=list[Node])
    groups: set[str] = field(default_factory=set[str])
    metadata: Node | None = None


@dataclass
class Outline:
    """The recipe itself (`top`), and the parts that hold its modifiers: `top` alone, or the stages."""

    top: Part
    parts: list[Part]
    version: Node | None = None

    def variables(self) -> dict[str, list[Node]]:
        """The nodes of every variable by name, at the top and in the stages."""
        found: dict[str, list[Node]] = {}
        for part in [self.top, *(part for part in self.parts if part is not self.top)]:
            for name, node in part.variables.items():
                found.setdefault(name, []).append(node)
        return found


def outline(reader: Reader, root: Node) -> Outline:
    """Sort the keys of a recipe; what fits nowhere is a problem."""
    if root.is_modifier:
        part = Part("", root, modifiers=[root])
        return Outline(part, [part])
    if root.shape != "mapping":
        reader.problem(root, "a recipe is a mapping of variables and groups of modifiers, such as 'modifiers:'")
        return Outline(Part("", root), [])
    pairs = reader.fields(root)
    stages = (
        [] if any(_is_group(key) for key, _ in pairs) else [key for key, value in pairs if _is_stage(reader, value)]
    )
    top = Part("", root)
    version = next((value for key, value in pairs if key.value == VERSION), None)
    parts = [_stage(reader, key, value) for key, value in pairs if key in stages]
    _sort(reader, top, [pair for pair in pairs if pair[0] not in stages])
    if stages and top.modifiers:
        reader.problem(top.modifiers[0], "a modifier stands outside the stages", "put it into one of them")
    _check_metadata(reader, parts)
    return Outline(top, parts or [top], version)


def _is_group(key: Node) -> bool:
    return isinstance(key.value, str) and GROUP in key.value


def _is_stage(reader: Reader, value: Node) -> bool:
    return value.shape == "mapping" and not value.is_modifier and any(_is_group(key) for key, _ in reader.fields(value))


def _stage(reader: Reader, key: Node, value: Node) -> Part:
    part = Part(str(key.value), key)
    _sort(reader, part, reader.fields(value))
    return part


def _sort(reader: Reader, part: Part, pairs: list[tuple[Node, Node]]) -> None:
    for key, value in pairs:
        name = str(key.value)
        if value.is_modifier:
            part.modifiers.append(value)
        elif _is_group(key) and value.shape != "scalar":
            part.groups.add(name)
            part.modifiers += _group(reader, key, value)
        elif name == METADATA:
            part.metadata = value
        elif value.shape == "list" and any(member.is_modifier for member in value.members()):
            reader.problem(key, f"'{name}' holds modifiers but its name does not say so", f"call it '{name}_modifiers'")
        elif name != VERSION and not (_is_group(key) and value.value is None):
            part.variables[name] = value


def _group(reader: Reader, key: Node, value: Node) -> list[Node]:
    """The modifiers of a group: a list in which each has its tag."""
    if value.shape == "mapping":
        message = f"'{key.value}' must be a list of modifiers such as '- !EpochRangeModifier'"
        reader.problem(value, message, "recipes in the newer form without '!' are not supported")
        return []
    for member in value.members():
        if member.shape == "list":
            reader.problem(member, "a list of modifiers inside another one", "write them on one level")
        elif not member.is_modifier:
            reader.problem(member, "a modifier begins with its name such as '- !EpochRangeModifier'")
    return [member for member in value.members() if member.is_modifier and member.shape != "list"]


def _check_metadata(reader: Reader, parts: list[Part]) -> None:
    without = [part for part in parts if part.metadata is None]
    if without and len(without) < len(parts):
        reader.problem(without[0].place, f"stage '{without[0].name}' has no {METADATA} though other stages have it")
