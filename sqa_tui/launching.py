"""Checking and starting runs, for the New run screen; nothing here loads torch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import UserError, plain
from engine.recipes import RecipeError, load_recipe
from engine.recipes.timeline import Timeline, timeline
from engine.runs.launch import ENGINE_MODULE, create_run, start_engine
from engine.runs.lock import probe
from engine.runs.paths import RunDirectory
from engine.runs.spec import read_spec
from sqa_tui.paths import home_problem

STEPS_PER_EPOCH = 100
"""Steps an epoch has in the picture of a recipe, where the number of questions is not known yet."""


@dataclass(frozen=True)
class Check:
    """One finding before the start: `level` is ok, info, warning or error."""

    level: str
    text: str
    hint: str = ""


def checks(argv: Sequence[str], recipe: str, variables: str) -> list[Check]:
    """Everything that can be known before the start; every problem of the recipe has its place in the file."""
    from engine.question_answering.preflight import check_run, parse_light

    in_recipe = recipe_problems(recipe, variables)
    at_home = home_checks()
    try:
        found = check_run(parse_light(list(argv)))
    except UserError as error:
        return [*at_home, *in_recipe, Check("error", plain(error.message), plain(error.hint))]
    rest = [one for one in found if not (in_recipe and one.subject == "recipe" and one.level == "error")]
    return [*at_home, *in_recipe, *(Check(one.level, plain(one.message), plain(one.hint)) for one in rest)]


def home_checks() -> list[Check]:
    """What keeps runs from being kept at all."""
    problem = home_problem()
    return [Check("error", problem)] if problem else []


def recipe_problems(recipe: str, variables: str) -> list[Check]:
    """What is wrong with a recipe, one check a place."""
    if not recipe:
        return []
    try:
        load_recipe(recipe, recipe_args=variables or None)
    except RecipeError as error:
        return [Check("error", plain(str(problem))) for problem in error.problems]
    except UserError as error:
        return [Check("error", plain(error.message), plain(error.hint))]
    return []


def recipe_timeline(recipe: str, variables: str) -> Timeline:
    """The course of a recipe over its epochs.

    Raises:
        UserError: the recipe cannot be used.
    """
    loaded = load_recipe(recipe, recipe_args=variables or None)
    return timeline(loaded, STEPS_PER_EPOCH, round(STEPS_PER_EPOCH * loaded.max_epochs))


@dataclass(frozen=True)
class Launched:
    """A run whose engine was started (`process`), or waits for a cluster (`job`, its number there)."""

    directory: RunDirectory
    process: subprocess.Popen[bytes] | None
    job: str = ""


def start_again(directory: RunDirectory, further: Sequence[str] = ()) -> Launched:
    """Start the engine of a run that ended; it goes on from its last checkpoint, or begins where there is none.

    `further`: arguments of the engine, for another number of processes.

    Raises:
        UserError: an engine of the run lives, or none can be started.
    """
    arguments = read_spec(directory).arguments
    cluster = str(arguments.get("launcher") or "here")
    if cluster == "here" and not further:
        return Launched(directory, start_engine(directory))
    if cluster == "here":
        argv = [sys.executable, "-m", ENGINE_MODULE, "--run_directory", str(directory.path), *further]
        return Launched(directory, start_engine(directory, argv=argv))
    if probe(directory.lock_file) == "held":
        raise UserError(f"{directory.id} has an engine already", "attach to it, or stop it first")
    from engine.question_answering.process_layout import job_options
    from engine.runs.cluster import submit

    return Launched(directory, None, submit(directory, cluster, job_options(arguments), tuple(further)))


def launch(argv: Sequence[str], slug: str) -> Launched:
    """Create the run directory and start the engine; the run does not need this process any more.

    Raises:
        UserError: the arguments are wrong, or nothing can be created.
    """
    from engine.question_answering.preflight import build_spec

    directory = create_run(slug=slug, spec=build_spec(list(argv)))
    try:
        return start_again(directory)
    except UserError:
        if not directory.process_file.exists():
            shutil.rmtree(directory.path)
        raise
