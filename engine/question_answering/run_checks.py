"""Checks of task, recipe, data and output folder before a run; no torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain
from engine.question_answering.arguments import CommonTraining
from engine.question_answering.artifacts import LOCK_FILE, found_checkpoint
from engine.question_answering.data import peek
from engine.question_answering.examples import Purpose
from engine.question_answering.model_checks import ModelFacts
from engine.question_answering.problem import Problem
from engine.recipes import Recipe, RecipeError, load_recipe
from engine.recipes.advice import in_epochs, other_length, warnings
from engine.recipes.refusals import refusals
from engine.recipes.training_data import samples_training_data
from engine.runs.lock import probe
from engine.runs.paths import runs_root

_TASKS = ("do_train", "do_eval", "do_predict", "one_shot")
_FILES: dict[Purpose, str] = {"train": "train_file", "evaluate": "validation_file", "predict": "test_file"}
_CHECKPOINT_TIMES = 3
"""A checkpoint holds the weights and two moments of Adam for each of them."""
_CHECKPOINTS = 3
"""How many checkpoints there should be room for; more are a matter of save_total_limit."""


def check_task(arguments: Mapping[str, Any]) -> list[Problem]:
    """Whether there is anything to do."""
    if any(arguments.get(name) for name in _TASKS):
        return []
    return [Problem("error", "task", "nothing to do", "give --do_train, --do_eval or --do_predict")]


def check_recipe(arguments: Mapping[str, Any]) -> tuple[Recipe | None, list[Problem]]:
    """The recipe (None: there is none, or it cannot be used) and what is to be said about it."""
    written, overrides = arguments.get("recipe"), arguments.get("recipe_args")
    if not written:
        lost = [Problem("warning", "recipe", "--recipe_args without --recipe has no effect")] if overrides else []
        return None, lost
    try:
        recipe = load_recipe(written, recipe_args=overrides)
    except RecipeError as error:
        return None, [Problem("error", "recipe", str(problem)) for problem in error.problems]
    except UserError as error:
        return None, [Problem.of("recipe", error)]
    once = bool(arguments.get("one_shot"))
    if found := refusals(recipe, one_shot=once):
        return recipe, [Problem("error", "recipe", str(problem)) for problem in found]
    said = [Problem("warning", "recipe", str(problem)) for problem in (recipe.notes if once else warnings(recipe))]
    if once:
        return recipe, [*said, Problem("ok", "recipe", f"{len(recipe.modifiers)} modifiers at once")]
    return recipe, [*said, *_epochs(arguments, recipe)]


def _epochs(arguments: Mapping[str, Any], recipe: Recipe) -> list[Problem]:
    length, count = in_epochs(max(recipe.max_epochs, 0)), len(recipe.modifiers)
    summary = Problem("ok", "recipe", f"{count} modifier{'' if count == 1 else 's'} over {length}")
    told = other_length(recipe, arguments.get("num_train_epochs"))
    return [summary] if told is None else [summary, Problem("warning", "recipe", *told)]


def check_data(arguments: Mapping[str, Any], recipe: Recipe | None = None) -> list[Problem]:
    """Whether the questions that the tasks need can be read; files are opened, a hub's dataset is not fetched."""
    once = bool(arguments.get("one_shot"))
    needed: dict[Purpose, bool] = {
        "train": (recipe is not None and samples_training_data(recipe)) if once else bool(arguments.get("do_train")),
        "evaluate": bool(arguments.get("do_eval")) or arguments.get("eval_strategy", "no") != "no",
        "predict": bool(arguments.get("do_predict")),
    }
    found = [_check_source(arguments, purpose) for purpose, wanted in needed.items() if wanted]
    return list(dict.fromkeys(found))


def _check_source(arguments: Mapping[str, Any], purpose: Purpose) -> Problem:
    file, name = arguments.get(_FILES[purpose]), arguments.get("dataset_name")
    if file:
        try:
            count = peek(Path(file).expanduser(), purpose)
        except UserError as error:
            return Problem.of("data", error)
        return Problem("ok", "data", f"{plain(str(file))}: {'many' if count is None else count} questions to {purpose}")
    if name:
        return Problem("ok", "data", f"{plain(str(name))}: questions to {purpose} on")
    return Problem("error", "data", f"no questions to {purpose} on", f"give --dataset_name or --{_FILES[purpose]}")


def check_output(arguments: Mapping[str, Any], model: ModelFacts | None) -> list[Problem]:
    """Whether the trained model can be written where it should go."""
    written = arguments.get("output_dir")
    folder = Path(written).expanduser().absolute() if written else runs_root()
    found: list[Problem] = []
    named = _named_checkpoint(arguments)
    if named is not None and not (named / "trainer_state.json").is_file():
        hint = "name a folder checkpoint-<step>"
        return [Problem("error", "output", f"--resume_from_checkpoint {named} is no checkpoint", hint)]
    if written and arguments.get("do_train"):
        try:
            checkpoint = found_checkpoint(folder, None, overwrite=bool(arguments.get("overwrite_output_dir")))
        except UserError as error:
            return [Problem.of("output", error)]
        if probe(folder / LOCK_FILE) == "held":
            return [Problem("error", "output", f"another run writes to {folder}", "choose --output_dir elsewhere")]
        if named is None and checkpoint is not None:
            found.append(Problem("info", "output", f"the run goes on from {checkpoint.path}"))
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        return [*found, Problem("error", "output", f"no permission to write in {existing}", "choose --output_dir")]
    return found + (_space(existing, model, arguments) if model else [])


def _named_checkpoint(arguments: Mapping[str, Any]) -> Path | None:
    """The checkpoint to go on from, where one is named and not left to be found."""
    written = arguments.get("resume_from_checkpoint")
    if not arguments.get("do_train") or written is None or str(written).lower() in ("true", "false"):
        return None
    return Path(str(written)).expanduser()


def _space(place: Path, model: ModelFacts, arguments: Mapping[str, Any]) -> list[Problem]:
    free = shutil.disk_usage(place).free
    checkpoint = model.weights_bytes * _CHECKPOINT_TIMES
    kept = arguments.get("save_total_limit") or _CHECKPOINTS
    wanted = checkpoint * (kept + 1)
    if free < checkpoint:
        message = f"{_size(free)} free at {place}, but the trained model needs {_size(checkpoint)}"
        return [Problem("error", "output", message, "free space or choose --output_dir elsewhere")]
    if free < wanted and arguments.get("save_strategy", _default("save_strategy")) != "no":
        message = f"{_size(free)} free at {place}; with checkpoints the run may need {_size(wanted)}"
        return [Problem("warning", "output", message, "limit them with --save_total_limit")]
    return []


def _default(name: str) -> Any:
    return CommonTraining.__dataclass_fields__[name].default


def _size(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"
