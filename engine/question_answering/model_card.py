"""The README of a model that is sent to the Hugging Face hub: what it is, what it scores, how it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from engine.errors import plain
from engine.question_answering.artifacts import RECIPE_FILE
from engine.runs.spec import RunSpec

_FILE = "README.md"
_MARK = "<!-- written by sqa-tui; a text without this line is left as it is -->"
_RESULTS = "all_results.json"


def write_card(folder: Path, name: str, spec: RunSpec, *, sparsity: float | None, quantized: bool) -> None:
    """Write `folder`'s README, unless somebody else has written one. `sparsity`: of the pruned parameters, 0 to 1.

    The scores are those of the run's evaluation, where it has one. Of local files nothing but the name is told.
    """
    file = folder / _FILE
    if file.is_file() and _MARK not in file.read_text(encoding="utf-8", errors="replace"):
        return
    # Without an evaluation of its own the run may have found the file of another one.
    scores = _scores(folder) if spec.arguments.get("do_eval") else {}
    facts = {"made from": _told(spec.model), "teacher": _told(spec.teacher)}
    if spec.recipe is not None:
        facts["recipe"] = f"[{RECIPE_FILE}]({RECIPE_FILE})"
    facts["zeros among the pruned parameters"] = "" if sparsity is None else f"{100 * sparsity:.1f} %"
    facts["quantized"] = "int8" if quantized else ""
    facts["F1"] = _score(scores, "eval_f1")
    facts["exact match"] = _score(scores, "eval_exact_match")
    facts["questions asked"] = str(scores.get("eval_total", ""))
    facts["data"] = ", ".join(_told(value) for value in dict.fromkeys(spec.dataset.values()))
    rows = [f"| {label} | {value} |" for label, value in facts.items() if value]
    lines = ["---", _metadata(name, spec, scores, sparse=sparsity is not None, quantized=quantized), "---", _MARK, ""]
    lines += [f"# {plain(name)}", "", "A question-answering model.", "", "| | |", "|---|---|", *rows, ""]
    file.write_text("\n".join(lines), encoding="utf-8")


def _metadata(name: str, spec: RunSpec, scores: dict[str, Any], *, sparse: bool, quantized: bool) -> str:
    known = [("f1", "eval_f1"), ("exact_match", "eval_exact_match")]
    asked = spec.dataset.get("validation_file") or spec.dataset.get("dataset_name")
    data = _told(asked).strip("`") or "questions"
    results = [
        EvalResult(
            task_type="question-answering",
            dataset_type=data,
            dataset_name=data,
            metric_type=metric,
            metric_value=round(scores[key], 4),
        )
        for metric, key in known
        if key in scores
    ]
    tags = [tag for tag, holds in (("sparsity", sparse), ("int8", quantized)) if holds]
    card = ModelCardData(
        library_name="transformers",
        pipeline_tag="question-answering",
        tags=tags or None,
        model_name=name if results else None,
        eval_results=results or None,
    )
    return card.to_yaml()


def _scores(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / _RESULTS).read_text())
    except (OSError, ValueError):
        return {}


def _score(scores: dict[str, Any], key: str) -> str:
    return f"{scores[key]:.2f}" if key in scores else ""


def _told(name: str | None) -> str:
    """A stub or an id of the hub as it is; of a path the last part."""
    if not name or name == "disable":
        return ""
    given = plain(name, 200).replace("|", "")
    local = Path(name).is_absolute() or name.startswith((".", "~")) or Path(name).exists()
    return f"`{Path(given).name if local else given}`"
