"""What can be said about a run before it starts, without torch: checks, and the specification it will have.

The app calls this in its own process, so nothing here (nor what it imports) loads torch, transformers or numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.question_answering.fit_checks import check_fits
from engine.question_answering.flag_checks import check_flags
from engine.question_answering.flags import parse_light, to_argv
from engine.question_answering.model_checks import check_model, check_teacher
from engine.question_answering.problem import Problem
from engine.question_answering.process_layout import check_processes
from engine.question_answering.run_checks import check_data, check_output, check_recipe, check_task
from engine.question_answering.trackers import check_trackers
from engine.question_answering.upload_checks import check_uploads
from engine.recipes import Recipe, load_recipe
from engine.runs.spec import RecipeSource, RunSpec, without_secrets
from engine.zoo import resolve_model, resolve_teacher

__all__ = ["Problem", "build_spec", "check_run", "parse_light"]

_DATA = ("dataset_name", "dataset_config_name", "train_file", "validation_file", "test_file")


def check_run(arguments: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong, doubtful or in order with a run of these arguments (as `parse_light` gives them).

    Files are read only as far as is needed to know them; nothing is fetched, changed or left behind.
    """
    recipe, about_recipe = check_recipe(arguments)
    model, about_model = check_model(arguments)
    return [
        *check_flags(arguments),
        *check_task(arguments),
        *check_fits(arguments),
        *check_trackers(arguments),
        *about_model,
        *about_recipe,
        *check_teacher(arguments, recipe, model),
        *check_data(arguments, recipe),
        *check_output(arguments, model),
        *check_uploads(arguments),
        *check_processes(arguments),
    ]


def build_spec(argv: Sequence[str]) -> RunSpec:
    """The specification of the run that a command line means; stubs, folders and recipes are resolved now.

    Raises `UserError` for what `check_run` calls an error in model, teacher or recipe.
    """
    given = parse_light(argv)
    model = given.get("model_name_or_path")
    if not model:
        raise UserError("no model", "give --model_name_or_path FOLDER, zoo: stub or hub id")
    teacher = given.get("distill_teacher")
    output = given.get("output_dir")
    return RunSpec(
        model=model,
        model_path=str(resolve_model(model)),
        recipe=_recipe_source(given),
        recipe_args=given.get("recipe_args"),
        teacher=teacher,
        teacher_path=str(resolve_teacher(teacher)) if teacher else None,
        dataset={name: str(given[name]) for name in _DATA if name in given},
        arguments=dict(given),
        output_dir=str(Path(output).expanduser().absolute()) if output else "",
        export=bool(given.get("export", False)),
        command=["train", *to_argv(without_secrets(given))],
    )


def _recipe_source(given: Mapping[str, Any]) -> RecipeSource | None:
    written = given.get("recipe")
    if not written:
        return None
    recipe: Recipe = load_recipe(written, recipe_args=given.get("recipe_args"))
    return RecipeSource.of(recipe.source, recipe.text)
