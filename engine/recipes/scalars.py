"""Scalars by the core schema of YAML 1.2."""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

_INTEGER = re.compile(r"[-+]?[0-9][0-9_]{0,300}\Z")
_BASED = re.compile(r"0o[0-7]{1,80}\Z|0x[0-9a-fA-F]{1,80}\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}


def scalar(text: str, *, tag: str = "", plain: bool = True) -> Scalar:
    """The value of a scalar by the core schema of YAML 1.2; quoted or ``!!str`` scalars are text."""
    if not plain or tag.endswith(":str"):
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text[0] in "tT"
    if _INTEGER.match(text):
        return int(text) if not text.endswith("_") and "__" not in text else text
    if _BASED.match(text):
        return int(text, 0)
    if len(text) <= 400 and _FLOAT.match(text):
        return float(text.replace("_", ""))
    return float(_SPECIAL[text.lower()]) if text.lower() in _SPECIAL else text
