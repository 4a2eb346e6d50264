"""Groups of modifiers: lists of tagged modifiers, or in llm-compressor's form mappings from names to fields."""

from __future__ import annotations

from engine.recipes.nodes import Node
from engine.recipes.reader import Reader

GROUP = "modifiers"
_ENDING = "Modifier"

Pairs = list[tuple[Node, Node]]


def is_group(key: Node) -> bool:
    """Whether a key names a group."""
    return isinstance(key.value, str) and GROUP in key.value


def is_newer_group(key: Node, value: Node) -> bool:
    """Whether a group is in llm-compressor's form: a mapping, or a list of mappings."""
    if not is_group(key) or value.is_modifier:
        return False
    return (value.shape == "mapping" and not any(member.is_modifier for _, member in value.pairs())) or is_newer_list(
        value
    )


def is_newer_list(value: Node) -> bool:
    """Whether a list holds modifiers in llm-compressor's form: ``- XModifier:`` and its fields."""
    return any(_is_newer_member(member) for member in value.members())


def group_members(reader: Reader, key: Node, value: Node) -> list[Node]:
    """The modifiers of a group in either form."""
    if value.shape == "mapping":
        return _mapped(reader, key, value)
    found: list[Node] = []
    for member in value.members():
        if member.shape == "list":
            reader.problem(member, "a list of modifiers inside another one", "write them on one level")
        elif member.is_modifier:
            found.append(member)
        elif _is_newer_member(member):
            found += [newer(name, fields) for name, fields in reader.fields(member)]
        else:
            reader.problem(member, "a modifier begins with its name such as '- !EpochRangeModifier'")
    return found


def _mapped(reader: Reader, key: Node, value: Node) -> list[Node]:
    if any(member.is_modifier for _, member in value.pairs()):
        message = f"'{key.value}' must be a list of modifiers such as '- !EpochRangeModifier'"
        reader.problem(value, message, "or a mapping such as 'EpochRangeModifier:' and its fields, without '!'")
        return []
    return [newer(name, fields) for name, fields in reader.fields(value)]


def _is_newer_member(member: Node) -> bool:
    """A mapping with the name of a modifier as a key."""
    if member.is_modifier:
        return False
    return any(isinstance(key.value, str) and key.value.endswith(_ENDING) for key, _ in member.pairs())


def newer(name: Node, fields: Node) -> Node:
    """A modifier in llm-compressor's form, at the place of its name."""
    tag = f"!{name.value}"
    return Node(name.line, name.column, tag, fields.value, fields.shape, length=name.length, newer=True)
