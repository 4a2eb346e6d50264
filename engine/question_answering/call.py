"""Training from Python: the flags of the command as keyword arguments, as SparseML's `main(**kwargs)` took them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.question_answering.flags import to_argv
from engine.question_answering.preflight import build_spec, check_run, parse_light
from engine.question_answering.train import run_engine
from engine.runs.launch import create_run
from engine.runs.paths import slug_of

_RESULTS = "all_results.json"


@dataclass(frozen=True)
class TrainedRun:
    """A run that ended: its id, where its model is, and its figures (`eval_f1`, `train_loss` … by name)."""

    run: str
    output_dir: Path
    metrics: dict[str, float]


def train(**arguments: Any) -> TrainedRun:
    """Train, sparsify and evaluate in this process, until it is done; the run is listed and watched like any other.

    `arguments` are the flags of `sqa-tui train` by their names with underscores, for example
    `train(model_name_or_path="models/dense", recipe="recipe.yaml", dataset_name="facts", do_train=True, do_eval=True)`.
    Raises `UserError` for the first thing that `sqa-tui train` would refuse, before anything is loaded or written.
    """
    argv = to_argv(arguments, explicit=True)
    given = parse_light(argv)
    for problem in check_run(given):
        if problem.level == "error":
            raise UserError(problem.message, problem.hint)
    spec = build_spec(argv)
    directory = create_run(slug=slug_of(given.get("run_name") or Path(spec.model).name), spec=spec)
    run_engine(directory, signals=False)
    output = Path(directory.output if not spec.output_dir else spec.output_dir)
    return TrainedRun(directory.id, output, _metrics(output))


def _metrics(output: Path) -> dict[str, float]:
    try:
        return json.loads((output / _RESULTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
