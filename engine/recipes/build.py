"""From the node of a modifier to a typed modifier, or to the problems it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import UserError
from engine.recipes.meant import glued_name
from engine.recipes.modifiers import Modifier
from engine.recipes.modifiers.base import FieldFault, kinds, read_fields, required
from engine.recipes.newer.translate import translate
from engine.recipes.nodes import Node
from engine.recipes.origin import origin
from engine.recipes.reader import UNREADABLE, Reader
from engine.recipes.recipe import Place
from engine.recipes.registry import IGNORED_FIELDS, find_modifier, unknown_field, unknown_modifier
from engine.recipes.variables import Scope
from engine.recipes.written import Fields, Written


@dataclass(frozen=True)
class Placed:
    """A modifier, the place it begins at, and those of the texts in its lists."""

    modifier: Modifier
    line: int
    column: int
    members: Mapping[str, Place] = field(default_factory=dict[str, Place])


def build_modifier(reader: Reader, node: Node, scope: Scope) -> Placed | None:
    """Build the modifier a node describes; None, with the problems noted, where that cannot be done."""
    if node.shape == "list" or (node.shape == "scalar" and node.value not in (None, "")):
        hint = "put a space after the colon" if glued_name(node.value) else ""
        reader.problem(node, f"{node.tag.lstrip('!')} must be followed by its fields, one on a line", hint)
        return None
    before = reader.noted
    fields: Fields = {str(key.value): (key, value) for key, value in reader.fields(node)}
    written = translate(reader, node, fields, scope) if node.newer else _as_written(reader, node, fields)
    if written is None:
        return None
    read = _read(reader, written, scope)
    _check_missing(reader, written, scope)
    _check_together(reader, written, read, scope)
    if reader.noted > before or _may_be_elsewhere(reader, written):
        return None
    return _built(reader, written, read)


def _as_written(reader: Reader, node: Node, fields: Fields) -> Written | None:
    modifier = find_modifier(node.tag, fields)
    if modifier is None:
        reader.problem(node, *unknown_modifier(node.tag))
        return None
    meant: set[str] = set()
    for name, (key, _) in fields.items():
        if name not in kinds(modifier) and name not in IGNORED_FIELDS:
            message, suggestion, near = unknown_field(name, modifier)
            reader.problem(key, message, suggestion)
            meant.add(near)
    known = {name: pair for name, pair in fields.items() if name in kinds(modifier)}
    return Written(node, modifier.name, modifier, known, given=frozenset(meant))


def _read(reader: Reader, written: Written, scope: Scope) -> dict[str, Any]:
    """The fields as the modifier keeps them, as far as they can be read."""
    values: dict[str, Any] = {}
    for name, (_, node) in written.fields.items():
        before = reader.noted
        value = reader.plain(node, scope)
        if value is not UNREADABLE and reader.noted == before:
            values[name] = value
    read, wrong = read_fields(written.modifier, values)
    for fault in wrong:
        _note(reader, written, scope, fault)
    return read


def _note(reader: Reader, written: Written, scope: Scope, fault: FieldFault) -> None:
    """Note what is wrong with a field, and the variables it comes from."""
    place = written.place(fault.field, fault.at)
    message = f"{written.word(fault.field)} of {written.name} {fault.message}{origin(place, scope)}"
    reader.problem(place, message, fault.suggestion)


def _check_missing(reader: Reader, written: Written, scope: Scope) -> None:
    """Note fields that are needed and not there; those that may stand in broken lines are not complained about."""
    missing = [name for name in required(written.modifier) if name not in written.fields]
    words = [written.word(name) for name in missing]
    said = [word for word in words if word not in reader.unread and word not in written.given]
    if said:
        outside = next((place for word in said if (place := scope.key(word))), None)
        hint = f"line {outside.line} is not indented below it" if outside else ""
        reader.problem(written.node, f"{written.name} needs {', '.join(said)}", hint)


def _may_be_elsewhere(reader: Reader, written: Written) -> bool:
    """Whether fields may stand in lines that could not be read, or are needed and not there."""
    absent = [name for name in kinds(written.modifier) if name not in written.fields]
    return any(written.word(name) in reader.unread or name in required(written.modifier) for name in absent)


def _check_together(reader: Reader, written: Written, read: dict[str, Any], scope: Scope) -> None:
    """Note what does not fit together, as far as fields could be read."""
    unread = {name for name in kinds(written.modifier) if name not in read}
    optional = {name for name in unread if name not in written.fields and name not in required(written.modifier)}
    lost = {name for name in optional if written.word(name) in reader.unread}
    for fault in written.modifier.unchecked(read, (unread - optional) | lost).faults():
        _note(reader, written, scope, fault)


def _built(reader: Reader, written: Written, read: dict[str, Any]) -> Placed | None:
    try:
        modifier = written.modifier(**read)
        return Placed(modifier, written.node.line, written.node.column, dict(_members(written)))
    except UserError as error:
        reader.problem(written.node, error.message)
        return None


def _members(written: Written) -> Iterator[tuple[str, Place]]:
    """The texts inside lists; of a text that stands twice the first place counts."""
    texts = [text for _, node in written.fields.values() for text in _texts(node)]
    yield from ((str(node.value), Place(node.line, node.column, node.length)) for node in reversed(texts))


def _texts(node: Node) -> Iterator[Node]:
    for member in [*node.members(), *(value for _, value in node.pairs())]:
        if node.shape == "list" and isinstance(member.value, str):
            yield member
        yield from _texts(member)
