"""Write `engine/question_answering/trainer_flags.py` from the installed transformers; `--check` only compares.

The list is what the checks before a run know of transformers' training arguments without loading transformers.
"""

from __future__ import annotations

import dataclasses
import sys
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import transformers

TARGET = Path(__file__).parents[1] / "engine" / "question_answering" / "trainer_flags.py"
HEAD = '''"""The training arguments of transformers and what their values are; written by `docs/make_flags.py`."""

VERSION = "{version}"
"""The version of transformers that the list was made from."""

TRAINER_FLAGS = {{
{rows}
}}
"""Name → `int`, `float`, `bool`, or `text` for everything else."""
'''


def kind(hint: Any) -> str:
    """What a value of type `hint` is on a command line."""
    inside = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    found = {item for item in inside if item is not type(None)}
    for name, accepted in (("bool", {bool}), ("int", {int}), ("float", {int, float})):
        if found and found <= accepted:
            return name
    return "text"


def listing() -> str:
    """The text of the module."""
    hints = get_type_hints(transformers.TrainingArguments)
    names = sorted(field.name for field in dataclasses.fields(transformers.TrainingArguments) if field.init)
    rows = "\n".join(f'    "{name}": "{kind(hints[name])}",' for name in names)
    return HEAD.format(version=transformers.__version__, rows=rows)


def main() -> int:
    """1 where the list is out of date and `--check` forbids to write it."""
    text = listing()
    if "--check" in sys.argv[1:]:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
