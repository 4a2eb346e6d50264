"""What is typed to find an entry: words that name a property ask for it, all others are looked for in the texts."""

from __future__ import annotations

import re
from typing import Any

from engine.zoo.filters import Query

FLAGS = {
    "int8": "quantised",
    "quantised": "quantised",
    "quantized": "quantised",
    "recipe": "recipe",
    "teacher": "teacher",
    "local": "local",
    "here": "local",
}
"""Words that ask for a property; with ``-`` before them, for its absence."""
TASKS = {"qa": "question_answering", "mlm": "masked_language_modeling", "backbone": "masked_language_modeling"}
HINT = "bert 80 int8 dense 12layers >=90 qa recipe teacher local -local"
"""Examples of what may be typed."""

_BOUND = re.compile(r"(>=|<=|>|<|=)(\d+(?:\.\d+)?)%?")
_LAYERS = re.compile(r"(\d+)(?:l|layers?)")


def read_words(text: str) -> Query:
    """The query that a line of words asks for.

    ``80`` is looked for as a word; ``>=80``, ``<50`` and ``90%`` (or ``=90``) are bounds of sparsity in percent and
    ``dense`` is none of it, ``float`` is not int8, ``12layers`` (``12l``) counts layers, ``qa`` and ``mlm`` are tasks.
    """
    asked: dict[str, Any] = {}
    words: list[str] = []
    for word in text.lower().split():
        found = _property(word)
        asked.update(found) if found else words.append(word)
    return Query(words=" ".join(words), **asked)


def _property(word: str) -> dict[str, Any]:
    """The fields of a query that a word sets; none for one that is looked for in the texts."""
    wanted, name = (False, word[1:]) if word.startswith("-") else (True, word)
    if name in FLAGS:
        return {FLAGS[name]: wanted}
    if word == "float":
        return {"quantised": False}
    if word == "dense":
        return {"max_sparsity": 0.0}
    if word in TASKS:
        return {"task": TASKS[word]}
    if layers := _LAYERS.fullmatch(word):
        return {"layers": int(layers[1])}
    if word.endswith("%") and (exact := _BOUND.fullmatch(f"={word}")):
        return _bounds("=", float(exact[2]))
    bound = _BOUND.fullmatch(word)
    return _bounds(bound[1], float(bound[2])) if bound else {}


def _bounds(sign: str, percent: float) -> dict[str, Any]:
    low = {} if sign.startswith("<") else {"min_sparsity": percent + (_STEP if sign == ">" else 0)}
    high = {} if sign.startswith(">") else {"max_sparsity": percent - (_STEP if sign == "<" else 0)}
    return low | high


_STEP = 1e-6
"""Percent between a bound that counts and one that does not."""
