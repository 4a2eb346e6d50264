"""Checks of the flags themselves before a run: names, types and ranges; no torch, no transformers."""

from __future__ import annotations

import difflib
import importlib.metadata
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from engine.errors import plain
from engine.question_answering.arguments import RENAMED, REPLACED, WITHOUT_EFFECT
from engine.question_answering.flags import known_fields
from engine.question_answering.problem import Problem, Subject
from engine.question_answering.trainer_flags import TRAINER_CHOICES, TRAINER_FLAGS, VERSION

_NEAR = 0.8
_MANY = 13
"""More choices than that are not listed in one line."""
_DATA = ("max_seq_length", "doc_stride", "n_best_size", "max_answer_length", "preprocessing_num_workers")


@dataclass(frozen=True)
class Range:
    """The numbers a flag takes: from `least` on, or (where `above`) only those above it; `also` is one more."""

    least: float
    above: bool = False
    also: float | None = None

    def holds(self, value: float) -> bool:
        if value == self.also:
            return True
        return math.isfinite(value) and (value > self.least if self.above else value >= self.least)

    def __str__(self) -> str:
        wanted = f"a number above {self.least:g}" if self.above else f"{self.least:g} or more"
        return wanted if self.also is None else f"{wanted}, or {self.also:g}"


_ONE, _POSITIVE = Range(1), Range(0, above=True)
RANGES = {
    "per_device_train_batch_size": _ONE,
    "per_device_eval_batch_size": _ONE,
    "gradient_accumulation_steps": _ONE,
    "learning_rate": _POSITIVE,
    "num_train_epochs": _POSITIVE,
    "max_steps": Range(1, also=-1),
    "warmup_steps": Range(0),
    "weight_decay": Range(0),
    "eval_steps": _POSITIVE,
    "save_steps": _POSITIVE,
    "save_minutes": _POSITIVE,
    "logging_steps": _POSITIVE,
    "seed": Range(0),
    "dataloader_num_workers": Range(0),
    "preprocessing_num_workers": _ONE,
    # A question and its context take three special tokens, and something has to be left of both.
    "max_seq_length": Range(8),
    "doc_stride": _ONE,
    "n_best_size": _ONE,
    "max_answer_length": _ONE,
    "max_train_samples": _ONE,
    "max_eval_samples": _ONE,
    "max_predict_samples": _ONE,
    "num_export_samples": Range(0),
    "nproc_per_node": _ONE,
    "nnodes": _ONE,
    "node_rank": Range(0),
    "max_restarts": Range(0),
    "slurm_time": _ONE,
    "slurm_gpus": Range(0),
}
"""Flags that not every number makes sense for."""


def check_flags(arguments: Mapping[str, Any]) -> list[Problem]:
    """Unknown names, values of a wrong type and numbers out of range (errors), and flags without effect (info)."""
    found = [_check(name, value) for name, value in arguments.items()]
    return [problem for problem in found if problem is not None]


def _check(name: str, value: Any) -> Problem | None:
    if name in WITHOUT_EFFECT:
        return Problem("info", "task", f"--{name} has no effect any more")
    if name not in _known():
        return _unknown(name)
    if not _is_readable(name, value):
        wanted = "a whole number" if TRAINER_FLAGS[name] == "int" else "a number"
        return Problem("error", "task", f"--{name}: {plain(str(value), 60)!r} is not {wanted}")
    if (choices := TRAINER_CHOICES.get(name)) and not _is_one_of(choices, value):
        return _unlisted(name, str(value), choices)
    taken = RANGES.get(name)
    if taken is None or not isinstance(value, (int, float)) or taken.holds(value):
        return None
    return Problem("error", _subject(name), f"--{name} is {value:g}", f"give {taken}")


def _is_one_of(choices: tuple[str, ...], value: Any) -> bool:
    """Of another version of transformers than the list's there may be other choices: the engine knows."""
    return not isinstance(value, str) or value in choices or not _is_listed_version()


def _unlisted(name: str, value: str, choices: tuple[str, ...]) -> Problem:
    near = difflib.get_close_matches(value, choices, n=1)
    listed = f"choose one of {', '.join(choices)}" if len(choices) < _MANY else "see sqa-tui train --help"
    hint = f"did you mean {near[0]}?" if near else listed
    return Problem("error", "task", f"--{name}: {plain(value, 60)!r} is unknown", hint)


def _subject(name: str) -> Subject:
    return "data" if name in _DATA or name.endswith("_samples") else "task"


def _is_readable(name: str, value: Any) -> bool:
    """Whether text can be read as the number that the flag takes; what is no text is left to the engine."""
    read = {"int": int, "float": float}.get(TRAINER_FLAGS.get(name, ""))
    if read is None or not isinstance(value, str):
        return True
    try:
        read(value)
    except ValueError:
        return False
    return True


def _unknown(name: str) -> Problem | None:
    """Of another version of transformers than the list's, a name that is like none may be right: the engine knows."""
    near = difflib.get_close_matches(name, _known(), n=1, cutoff=_NEAR)
    if not near and not _is_listed_version():
        return None
    hint = f"did you mean --{near[0]}?" if near else "see the flags with sqa-tui train --help"
    return Problem("error", "task", f"unknown flag --{plain(name, 60)}", hint)


@cache
def _known() -> frozenset[str]:
    return frozenset((*known_fields(), *TRAINER_FLAGS, *RENAMED, *REPLACED, *WITHOUT_EFFECT))


@cache
def _is_listed_version() -> bool:
    try:
        return importlib.metadata.version("transformers") == VERSION
    except importlib.metadata.PackageNotFoundError:
        return False
