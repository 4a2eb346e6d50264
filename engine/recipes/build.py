"""From a tagged node to a typed modifier, or to the problems it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.errors import UserError
from engine.recipes.modifiers import Modifier
from engine.recipes.modifiers.base import kinds, read_fields, required
from engine.recipes.nodes import Node
from engine.recipes.reader import UNREADABLE, Reader
from engine.recipes.registry import IGNORED_FIELDS, find_modifier, unknown_field, unknown_modifier
from engine.recipes.variables import Scope


@dataclass(frozen=True)
class Placed:
    """A modifier and the line it begins at."""

    modifier: Modifier
    line: int


def build_modifier(reader: Reader, node: Node, scope: Scope) -> Placed | None:
    """Build the modifier a node describes; None, with the problems noted, where that cannot be done."""
    if node.shape == "list" or (node.shape == "scalar" and node.value not in (None, "")):
        reader.problem(node, f"{node.tag} must be followed by its fields, one on a line")
        return None
    named = {str(key.value): (key, value) for key, value in reader.fields(node)}
    modifier = find_modifier(node.tag, named)
    if modifier is None:
        reader.problem(node, *unknown_modifier(node.tag))
        return None
    before = len(reader.problems)
    values = _values(reader, named, modifier, scope)
    missing = _missing(reader, node, modifier, named)
    read, wrong = read_fields(modifier, values)
    for fault in wrong:
        place = named[fault.field][1].inside(fault.at)
        reader.problem(place, f"{fault.field} of {modifier.name} {fault.message}")
    incomplete = (
        missing or len(reader.problems) > before or any(name in kinds(modifier) and name not in read for name in named)
    )
    return None if incomplete else _built(reader, node, modifier, read, named)


def _values(
    reader: Reader, named: dict[str, tuple[Node, Node]], modifier: type[Modifier], scope: Scope
) -> dict[str, Any]:
    """The plain values of the fields the modifier has, as far as they can be read."""
    values: dict[str, Any] = {}
    known = kinds(modifier)
    for name, (key, node) in named.items():
        if name in known:
            before = len(reader.problems)
            value = reader.plain(node, scope)
            if value is not UNREADABLE and len(reader.problems) == before:
                values[name] = value
        elif name not in IGNORED_FIELDS:
            reader.problem(key, *unknown_field(name, modifier))
    return values


def _missing(reader: Reader, node: Node, modifier: type[Modifier], named: dict[str, tuple[Node, Node]]) -> bool:
    """Whether fields that are needed are not there; those that may stand in broken lines are not complained about."""
    missing = [name for name in required(modifier) if name not in named]
    said = [name for name in missing if name not in reader.unread]
    if said:
        reader.problem(node, f"{modifier.name} needs {', '.join(said)}")
    return bool(missing)


def _built(
    reader: Reader, node: Node, modifier: type[Modifier], read: dict[str, Any], named: dict[str, tuple[Node, Node]]
) -> Placed | None:
    candidate = modifier.unchecked(read)
    faults = list(candidate.faults())
    for fault in faults:
        place = named[fault.field][1].inside(fault.at) if fault.field in named else node
        reader.problem(place, f"{fault.field} of {modifier.name} {fault.message}")
    try:
        return None if faults else Placed(modifier(**read), node.line)
    except UserError as error:
        reader.problem(node, error.message)
        return None
