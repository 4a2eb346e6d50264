"""Write `engine/question_answering/trainer_flags.py` from the installed transformers; `--check` only compares.

The list is what the checks before a run know of transformers' training arguments without loading transformers.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import transformers

WIDTH = 120
TARGET = Path(__file__).parents[1] / "engine" / "question_answering" / "trainer_flags.py"
HEAD = '''"""The training arguments of transformers and what their values are; written by `docs/make_flags.py`."""

VERSION = "{version}"
"""The version of transformers that the list was made from."""

TRAINER_FLAGS = {{
{rows}
}}
"""Name → `int`, `float`, `bool`, or `text` for everything else."""

TRAINER_CHOICES: dict[str, tuple[str, ...]] = {{
{choices}
}}
"""The values that a flag takes, where it takes no others."""
'''


def kind(hint: Any) -> str:
    """What a value of type `hint` is on a command line."""
    inside = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    found = {item for item in inside if item is not type(None)}
    for name, accepted in (("bool", {bool}), ("int", {int}), ("float", {int, float})):
        if found and found <= accepted:
            return name
    return "text"


def choices(field: dataclasses.Field[Any], hint: Any) -> tuple[str, ...]:
    """The values that a flag takes; none where it takes any."""
    inside = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    listed = next((item for item in inside if isinstance(item, type) and issubclass(item, enum.Enum)), None)
    if listed is not None:
        return tuple(member.value for member in listed)
    return tuple(field.metadata.get("choices") or ())


def listing() -> str:
    """The text of the module."""
    hints = get_type_hints(transformers.TrainingArguments)
    known = [field for field in dataclasses.fields(transformers.TrainingArguments) if field.init]
    known.sort(key=lambda field: field.name)
    rows = "\n".join(f'    "{field.name}": "{kind(hints[field.name])}",' for field in known)
    taken = {field.name: choices(field, hints[field.name]) for field in known}
    lists = "\n".join(row(name, values) for name, values in taken.items() if values)
    return HEAD.format(version=transformers.__version__, rows=rows, choices=lists)


def row(name: str, values: tuple[str, ...]) -> str:
    """One entry, as the formatter writes it."""
    quoted = [f'"{value}"' for value in values]
    line = f'    "{name}": ({", ".join(quoted)}),'
    if len(line) <= WIDTH:
        return line
    return "\n".join([f'    "{name}": (', *(f"        {value}," for value in quoted), "    ),"])


def main() -> int:
    """1 where the list is out of date and `--check` forbids to write it."""
    text = listing()
    if "--check" in sys.argv[1:]:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
