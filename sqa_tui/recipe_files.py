"""Recipes as texts: read from wherever they come, kept as the user's own in `<home>/recipes`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.errors import UserError, plain
from engine.recipes.source import file_text, front_matter
from engine.runs.files import write_atomically
from engine.runs.paths import RunDirectory, make_private
from engine.runs.spec import read_spec
from engine.zoo import is_stub, resolve_recipe
from sqa_tui.paths import user_recipes

SUFFIXES = (".yaml", ".yml", ".json", ".md")
LONGEST_NAME = 80
FORBIDDEN = '/\\:*?"<>|'
"""Characters that a file's name cannot have everywhere."""


@dataclass(frozen=True)
class RecipeText:
    """The text of a recipe and where it is from."""

    source: str
    """What loads this very text as `--recipe`: a path or stub; empty where nothing does."""
    text: str
    name: str
    """A short name to save it under."""
    markdown: bool = False
    """Whether the recipe is the front matter of the text."""
    arguments: str = ""
    """Other values for its variables, as `--recipe_args`."""
    origin: str = ""
    """Where it is from, in words; empty where `source` says it."""


@dataclass(frozen=True)
class ChosenRecipe:
    """A recipe to train by: the values of `--recipe` and `--recipe_args`."""

    source: str
    arguments: str


def read_recipe(source: str) -> RecipeText:
    """The text of a recipe, right or wrong, from a path, folder or stub.

    Raises:
        UserError: there is no such recipe, or it cannot be read.
    """
    path = Path(source).expanduser()
    if is_stub(source) or path.is_dir():
        path = resolve_recipe(source)
    elif path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{plain(source)} is no recipe", "name a .yaml, .yml, .json or .md file or a zoo stub")
    return RecipeText(source, file_text(path, source), _name_of(source, path), path.suffix.lower() == ".md")


def recipe_of_run(run_path: Path) -> RecipeText:
    """The recipe of a run, as the run has it.

    Raises:
        UserError: the run cannot be read, or has no recipe.
    """
    directory = RunDirectory(run_path)
    spec = read_spec(directory)
    if spec.recipe is None:
        raise UserError(f"{plain(directory.slug)} has no recipe", "it trains densely")
    source, text = spec.recipe.source, spec.recipe.text
    try:
        now = read_recipe(source)
    except UserError:
        now = None
    unchanged = now is not None and now.text == text
    markdown = now.markdown if now else front_matter(text) is not None
    name = now.name if now else Path(source).stem
    origin = f"the recipe of {plain(directory.slug)}"
    return RecipeText(source if unchanged else "", text, name, markdown, spec.recipe_args or "", origin)


def _name_of(source: str, path: Path) -> str:
    return source.rstrip("/").split("/")[-1].split("?")[0].removesuffix("-none") if is_stub(source) else path.stem


def own_recipe(name: str, *, markdown: bool = False) -> Path:
    """The file of a user recipe called `name` (an ending is left out): `<home>/recipes/<name>.yaml`, or `.md`.

    Raises:
        UserError: that is no name for a file.
    """
    stem = name.strip()
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    if not stem or stem.startswith(".") or not stem.isprintable() or any(sign in stem for sign in FORBIDDEN):
        raise UserError(f"{plain(name) or 'nothing'} is no name for a recipe", "letters, digits, - and _ always work")
    if len(stem.encode()) > LONGEST_NAME:
        raise UserError(f"a name of {len(stem.encode())} bytes is too long", f"at most {LONGEST_NAME}")
    return user_recipes() / f"{stem}{'.md' if markdown else '.yaml'}"


def save_recipe(path: Path, text: str) -> None:
    """Write a user recipe, whole or not at all, over what is there.

    Raises:
        UserError: it cannot be written.
    """
    try:
        make_private(path.parent)
        write_atomically(path, text.encode("utf-8", "surrogateescape"), durable=True)
    except OSError as error:
        reason = plain(error.strerror or str(error))
        raise UserError(f"cannot save {plain(str(path))}: {reason}", "free space or set SQA_HOME") from error


def own_recipes() -> list[Path]:
    """The user's recipes, the newest first. Reads the disk."""
    try:
        found = [(path.stat().st_mtime, path) for path in user_recipes().iterdir() if path.suffix.lower() in SUFFIXES]
    except OSError:
        return []
    return [path for _, path in sorted(found, key=lambda pair: pair[0], reverse=True)]
