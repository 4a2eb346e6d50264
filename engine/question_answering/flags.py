"""Command lines of the training command ↔ a dictionary of the flags that were given, without transformers.

Known flags get their type, and a wrong value is an error here; the others (transformers has over a hundred) stay as
written, for the engine to judge.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from engine.errors import UserError, plain
from engine.question_answering.arguments import GROUPS, RENAMED

_FLAG = re.compile(r"--(?P<name>[A-Za-z][\w-]*)(?:=(?P<value>.*))?", re.DOTALL)
_EXACT = 2**53
"""Below it every whole number is a float."""
_TRUE = frozenset(("true", "yes", "y", "t", "1", "on"))
_FALSE = frozenset(("false", "no", "n", "f", "0", "off"))


def parse_light(argv: Sequence[str]) -> dict[str, Any]:
    """The flags of a command line by name (underscores), in order: the last one wins where a flag is given twice.

    `--flag value`, `--flag=value`, `--flag` (true), `--no_flag` (false) and `-` for `_` are understood, and one single
    argument that names a .json file holding all of them. Raises `UserError` for a value of the wrong type.
    """
    if len(argv) == 1 and argv[0].endswith(".json"):
        return _read_file(Path(argv[0]))
    given: dict[str, Any] = {}
    for name, values in _split(argv):
        _store(given, name, values)
    return given


def to_argv(arguments: Mapping[str, Any], *, explicit: bool = False) -> list[str]:
    """The command line that `parse_light` would read back to the same arguments; `explicit` writes `true` out."""
    argv: list[str] = []
    for name, value in arguments.items():
        if value is None:
            continue
        argv += [f"--{name}", *([] if value is True and not explicit else _words(value))]
    return argv


def _words(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return [str(int(value))]
    return [json.dumps(value) if isinstance(value, (dict, bool)) else str(value)]


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "name a .json file that holds the arguments") from error
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}", "write the arguments as one JSON object") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected one JSON object of arguments", 'for example {"max_seq_length": 384}')
    given: dict[str, Any] = {}
    for name, value in content.items():
        if value is not None:
            words = value if isinstance(value, list) else [value]
            _store(given, str(name), [word if isinstance(word, dict) else _as_text(word) for word in words])
    return given


def _as_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _split(argv: Sequence[str]) -> list[tuple[str, list[Any]]]:
    found: list[tuple[str, list[Any]]] = []
    for word in argv:
        match = _FLAG.fullmatch(word)
        if match:
            value = match["value"]
            found.append((match["name"], [] if value is None else [value]))
        elif found:
            found[-1][1].append(word)
        else:
            alone = "a .json file holds all arguments and stands alone"
            hint = alone if word.endswith(".json") else "every value follows its flag, as in --recipe FILE"
            raise UserError(f"unexpected argument: {plain(word, 80)}", hint)
    return found


def _store(given: dict[str, Any], written: str, values: list[Any]) -> None:
    name = written.replace("-", "_")
    if name not in _known() and name.startswith("no_") and not values and name not in RENAMED:
        given[name.removeprefix("no_")] = False
        return
    name = RENAMED.get(name, name)
    # Moves a repeated flag to its last place, as the command line would be read.
    given.pop(name, None)
    given[name] = _typed(name, values)


def _typed(name: str, values: list[Any]) -> Any:
    kind = _known().get(name)
    if not values:
        if kind in (None, bool):
            return True
        raise UserError(f"--{name}: a value is missing", _help(name))
    if kind is None:
        return values[0] if len(values) == 1 else values
    if len(values) > 1:
        raise UserError(f"--{name}: one value expected, not {len(values)}: {plain(' '.join(map(str, values)), 80)}")
    return _convert(name, kind, values[0])


def _convert(name: str, kind: type, value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value)
    try:
        return _boolean(value) if kind is bool else kind(value)
    except ValueError:
        expected = {int: "a whole number", float: "a number", bool: "true or false"}[kind]
        raise UserError(f"--{name}: {plain(str(value), 60)!r} is not {expected}", _help(name)) from None


def _boolean(value: str) -> bool:
    lowered = value.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError(value)


@cache
def _known() -> dict[str, type]:
    return {name: _plain_type(hint) for group in GROUPS.values() for name, hint in get_type_hints(group).items()}


def _plain_type(hint: Any) -> type:
    """The type itself, without the None of an optional one."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(item for item in get_args(hint) if item is not type(None))
    return hint


def flag_type(name: str) -> type:
    """The type of a described flag. Not `field.type`: transformers' parser overwrites that with what it resolved."""
    return _known()[name]


def known_fields() -> dict[str, Field[Any]]:
    """Every flag that is described here, by name, with default and help text."""
    return {field.name: field for group in GROUPS.values() for field in fields(group)}


def _help(name: str) -> str:
    return str(known_fields()[name].metadata["help"])
