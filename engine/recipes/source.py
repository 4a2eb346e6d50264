"""Where the text of a recipe comes from: a file, a zoo stub, or the text itself; and the front matter in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import UserError
from engine.recipes.problems import Problem, RecipeError

LIMIT = 256 * 1024
"""Longer texts are refused: a recipe with a block for every matrix of BERT-large has a quarter of it when saved."""

LONGEST_PATH = 4096

DELIMITERS = ("---", "+++")


@dataclass(frozen=True)
class SourceText:
    """The text as found, and the YAML in it with the line numbers of the whole (what is before it is blank)."""

    name: str
    text: str
    yaml: str


def read_source(source: str | Path) -> SourceText:
    """Find the text of a recipe.

    A stub (its ``zoo:`` may be missing) or a folder is resolved by `engine.zoo`, text with a line break is the recipe
    itself, anything else is the path of a ``.yaml``, ``.yml`` or ``.md`` file. Raises `RecipeError`, or `UserError` for
    a stub that cannot be resolved.
    """
    if isinstance(source, str) and not source.strip():
        raise UserError("no recipe is named", "give a file, a stub or the text of a recipe")
    if isinstance(source, str) and source.startswith("zoo:"):
        from engine.zoo import resolve_recipe

        return _read_file(resolve_recipe(source), source)
    if isinstance(source, str) and ("\n" in source or "\r" in source):
        return raw_text(source)
    path = _path(source)
    if path.is_dir() or (not path.exists() and _is_bare_stub(str(source))):
        from engine.zoo import resolve_recipe

        path = resolve_recipe(str(source))
    return _read_file(path, str(source))


def _is_bare_stub(source: str) -> bool:
    from engine.zoo.sources import meant_as_stub

    return meant_as_stub(source)


def _path(source: str | Path) -> Path:
    if "\0" in str(source) or len(str(source)) > LONGEST_PATH:
        raise _problem(str(source)[:60], "is neither a path nor the text of a recipe")
    try:
        return Path(source).expanduser()
    except RuntimeError:
        return Path(source)


def raw_text(text: str, name: str = "recipe") -> SourceText:
    """A recipe given as text, with or without front matter."""
    if len(text) > LIMIT:
        raise _problem(name, f"is too long for a recipe ({len(text)} characters, at most {LIMIT})")
    return SourceText(name, text, front_matter(text) or text)


def front_matter(text: str) -> str | None:
    """What stands between the first two lines that are exactly ``---`` or ``+++``; None where there are no such two."""
    lines = text.splitlines()
    opening = _opening(lines)
    if not opening:
        return None
    rest = enumerate(lines[opening:], opening)
    closing = next((number for number, line in rest if line.rstrip() in DELIMITERS), None)
    if closing is None:
        return None
    return "\n" * opening + "\n".join(lines[opening:closing]) + "\n"


def _opening(lines: Sequence[str]) -> int:
    """The line that opens the front matter, from 1; 0 where there is none."""
    return next((number for number, line in enumerate(lines, 1) if line.strip() in DELIMITERS), 0)


def no_front_matter(text: str, name: str) -> Problem:
    """What is wrong with a text that has no front matter."""
    if opening := _opening(text.splitlines()):
        return Problem(name, opening, 1, "the front matter that begins here never ends", "end it with a line ---")
    return Problem(name, 1, 1, "has no front matter (YAML between two lines ---)")


def _read_file(path: Path, name: str) -> SourceText:
    extension = path.suffix.lower()
    if extension not in (".yaml", ".yml", ".json", ".md"):
        raise _problem(name, "is neither a .yaml, .yml, .json or .md file nor the text of a recipe")
    text = file_text(path, name)
    if extension != ".md":
        return SourceText(name, text, text)
    yaml = front_matter(text)
    if yaml is None:
        raise RecipeError([no_front_matter(text, name)])
    return SourceText(name, text, yaml)


def file_text(path: Path, name: str) -> str:
    """The text of a regular file in UTF-8; raises `RecipeError`, which calls it `name`."""
    from engine.zoo.texts import read_regular

    try:
        return text_of(read_regular(path, LIMIT + 1), name)
    except FileNotFoundError:
        raise _problem(name, "does not exist") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _problem(name, f"cannot be read: {reason}") from None


def text_of(content: bytes, name: str) -> str:
    """The text in UTF-8 that `content`, read up to one byte more than `LIMIT`, is; raises `RecipeError`."""
    if len(content) > LIMIT:
        raise _problem(name, f"is too long for a recipe (more than {LIMIT} bytes)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _problem(name, "is not text in UTF-8") from None


def _problem(name: str, message: str) -> RecipeError:
    return RecipeError([Problem(name, 0, 0, message)])
