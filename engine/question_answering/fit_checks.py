"""Checks of flags against each other before a run; no torch, no transformers."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from engine.errors import plain
from engine.question_answering.arguments import CommonTraining
from engine.question_answering.problem import Problem

BEST = "f1"
"""What the best model is chosen by, where nothing is said."""
_SCORES = ("f1", "exact_match")
_SCORES_V2 = (
    "exact",
    "best_exact",
    "best_f1",
    *(f"{part}_{score}" for part in ("HasAns", "NoAns") for score in ("exact", "f1")),
)


def check_fits(arguments: Mapping[str, Any]) -> list[Problem]:
    """Flags that contradict or need each other."""
    return [*_precision(arguments), *_one_shot(arguments), *_best_model(arguments)]


def _precision(arguments: Mapping[str, Any]) -> list[Problem]:
    if arguments.get("fp16") and arguments.get("bf16"):
        return [Problem("error", "task", "--fp16 and --bf16 at once", "give one of them")]
    return []


def _one_shot(arguments: Mapping[str, Any]) -> list[Problem]:
    if not arguments.get("one_shot"):
        return []
    if not arguments.get("recipe"):
        return [Problem("error", "recipe", "--one_shot needs a recipe to apply", "give --recipe")]
    found: list[Problem] = []
    if arguments.get("do_train"):
        found.append(Problem("warning", "task", "--one_shot trains nothing: --do_train has no effect"))
    if not arguments.get("do_eval"):
        found.append(Problem("info", "task", "--one_shot without --do_eval: nothing is evaluated"))
    return found


def _best_model(arguments: Mapping[str, Any]) -> list[Problem]:
    wanted = arguments.get("metric_for_best_model")
    known = (*_SCORES, *_SCORES_V2) if arguments.get("version_2_with_negative") else _SCORES
    if wanted is not None and str(wanted).removeprefix("eval_") not in known:
        near = difflib.get_close_matches(str(wanted), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(known)}"
        return [Problem("error", "task", f"--metric_for_best_model: {plain(str(wanted), 60)!r} is no score", hint)]
    if not arguments.get("load_best_model_at_end"):
        return []
    evaluates, saves = (_strategy(arguments, name) for name in ("eval_strategy", "save_strategy"))
    if evaluates == "no":
        hint = "give --eval_strategy steps or epoch, and --save_strategy the same"
        return [Problem("error", "task", "--load_best_model_at_end without evaluations during the training", hint)]
    if saves not in (evaluates, "best"):
        message = f"--load_best_model_at_end needs a checkpoint at each evaluation, but --save_strategy is {saves}"
        return [Problem("error", "task", message, f"give --save_strategy {evaluates}")]
    return []


def _strategy(arguments: Mapping[str, Any], name: str) -> str:
    return str(arguments.get(name) or CommonTraining.__dataclass_fields__[name].default)
