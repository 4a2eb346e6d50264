"""The saved format of recipes: what is written beside a trained model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from engine.recipes.modifiers import Modifier, QuantizationArguments, QuantizationScheme
from engine.recipes.recipe import Recipe, Stage
from engine.recipes.scalars import scalar

VERSION = "1.1.0"


def saved_text(recipe: Recipe) -> str:
    """The text of a recipe with every variable evaluated: fields in alphabetical order, null ones left out."""
    lines = [f"version: {VERSION}", ""]
    if recipe.staged:
        for stage in recipe.stages:
            lines += [*_staged(stage), ""]
    else:
        lines += _metadata(recipe.metadata, "")
        lines += ["modifiers:", *_modifiers(recipe.stages[0], "    ")]
    return "\n".join(lines).rstrip() + "\n"


def _staged(stage: Stage) -> list[str]:
    head = [f"{value_text(stage.name)}:", *_metadata(stage.metadata, "  ")]
    group = value_text(f"{stage.name}_modifiers")
    return [*head, f"  {group}:", *_modifiers(stage, "      ")]


def _metadata(metadata: Mapping[str, Any] | None, indent: str) -> list[str]:
    return [] if metadata is None else [f"{indent}__metadata__: {value_text(metadata)}", ""]


def _modifiers(stage: Stage, indent: str) -> list[str]:
    return [line for modifier in stage.modifiers for line in [*_modifier(modifier, indent), ""]]


def _modifier(modifier: Modifier, indent: str) -> list[str]:
    values = modifier.values(saved_only=True)
    named = [f"{indent}    {name}: {value_text(value)}" for name, value in values.items() if value is not None]
    return [f"{indent}- !{modifier.name}", *named]


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-/]*\Z")
_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


def value_text(value: Any) -> str:
    """A value as YAML on one line that YAML 1.1 and 1.2 readers take for the same."""
    if value is None:
        return "null"
    if isinstance(value, QuantizationScheme | QuantizationArguments):
        return value_text(asdict(value))
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()
        return "{" + ", ".join(f"{value_text(key)}: {value_text(member)}" for key, member in pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(value_text(member) for member in cast("list[Any]", value)) + "]"
    if isinstance(value, str):
        return _text(value)
    return _number(value)


def _text(value: str) -> str:
    if _PLAIN.match(value) and value.lower() not in _WORDS and isinstance(scalar(value), str):
        return value
    if value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(character: str) -> str:
    if character.isprintable():
        return "\\" + character if character in '"\\' else character
    return f"\\U{ord(character):08x}"


def _number(value: float) -> str:
    text = str(value)
    if isinstance(value, float) and "e" in text and "." not in text:
        # YAML 1.1 takes 5e-05 for text and 5.0e-05 for a number.
        return text.replace("e", ".0e")
    return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text, text)
