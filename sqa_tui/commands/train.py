"""`sqa-tui train`: SparseML's command. Checks, starts the engine as a process of its own, follows it."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import Any

import click

from engine.errors import EXIT_FAILED, EXIT_USAGE, plain
from engine.question_answering.preflight import Problem, check_run, parse_light
from engine.runs.launch import stop_engine
from engine.runs.paths import RunDirectory, slug_of
from engine.runs.reader import Event, EventReader
from sqa_tui.commands.engine_programs import become
from sqa_tui.commands.follow import conclude, follow
from sqa_tui.commands.output import print_json
from sqa_tui.commands.zoo_fetch import fetch_missing, missing_of
from sqa_tui.launching import launch
from sqa_tui.run_form import run_slug

OWN_FLAGS = {"--detach": "detach", "--json": "as_json"}
HELP = {"--help", "-h"}


@dataclass
class Own:
    """What `sqa-tui train` keeps for itself; everything else is the engine's."""

    detach: bool = False
    as_json: bool = False


def take_own(arguments: tuple[str, ...]) -> tuple[Own, list[str]]:
    """Split the arguments into ours and the engine's."""
    own = Own()
    rest: list[str] = []
    for argument in arguments:
        if argument in OWN_FLAGS:
            setattr(own, OWN_FLAGS[argument], True)
        else:
            rest.append(argument)
    return own, rest


def tell_problems(arguments: list[str]) -> list[Problem]:
    """Print what the checks before the start found, and return it: an error must be mended first."""
    found = [problem for problem in check_run(parse_light(arguments)) if problem.level != "ok"]
    for problem in found:
        hint = f" ({plain(problem.hint)})" if problem.hint else ""
        label = "note" if problem.level == "info" else problem.level
        print(f"{label}: {plain(problem.message)}{hint}", file=sys.stderr)
    return found


def ready_to_run(arguments: list[str]) -> bool:
    """Fetch what the run needs and a source has, unless something else keeps it from starting anyway."""
    given = parse_light(arguments)
    absent = missing_of(given)
    if not absent:
        return True
    elsewhere = any(each.level == "error" and each.subject not in absent for each in check_run(given))
    return elsewhere or fetch_missing(given)


def began(directory: RunDirectory) -> bool:
    """Whether training, or what comes in its place, was under way."""
    return any(event.get("kind") == "start" for event in EventReader(directory.events_file).read())


def refused(directory: RunDirectory, event: Event | None) -> bool:
    """True where the engine turned the run down before it began: bad input, nothing trained, nothing worth keeping."""
    error: dict[str, Any] = (event or {}).get("error") or {}
    return bool(error.get("usage")) and not began(directory)


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def train(arguments: tuple[str, ...]) -> int:
    """Train, sparsify and evaluate with the flags of sparseml.transformers.question_answering."""
    own, rest = take_own(arguments)
    if not rest or HELP & set(rest):
        become("engine.question_answering.train", ["--help"])
    if not ready_to_run(rest):
        return EXIT_USAGE
    found = tell_problems(rest)
    if any(problem.level == "error" for problem in found):
        return EXIT_USAGE
    given = parse_light(rest)
    name = given.get("run_name")
    slug = slug_of(name) if name else run_slug(given["model_name_or_path"], given.get("recipe", ""))
    launched = launch(rest, slug)
    directory, engine = launched.directory, launched.process
    if own.detach or launched.job:
        known = {"run": directory.id, "path": str(directory.path), **({"job": launched.job} if launched.job else {})}
        print_json(known) if own.as_json else click.echo(directory.id)
        if launched.job and not (own.detach or own.as_json):
            where = "job of this machine" if given.get("launcher") == "local" else "job of the cluster"
            click.echo(f"{where}: {launched.job}; follow it with: sqa-tui attach {directory.id}", err=True)
        return 0
    if not own.as_json:
        click.echo(f"{directory.id}: the run goes on if this terminal closes; Ctrl-C stops it after a checkpoint")

    interrupts = 0

    def interrupted(count: int) -> bool:
        nonlocal interrupts
        interrupts = count
        stop_engine(directory, now=count > 1)
        if count == 1:
            when = "a checkpoint, if it trains now" if began(directory) else "this step of the preparation"
            click.echo(f"stopping after {when}; Ctrl-C again stops now", err=True)
        return True

    event = follow(
        directory,
        on_interrupt=interrupted,
        as_json=own.as_json,
        said=frozenset(problem.message for problem in found),
        alive=lambda: engine is not None and engine.poll() is None,
    )
    if event is not None and engine is not None:
        engine.wait()
    if event is None and interrupts and not began(directory):
        click.echo(f"{directory.id}: stopped before it began", err=True)
        shutil.rmtree(directory.path)
        return EXIT_FAILED
    kept = not refused(directory, event)
    code = conclude(directory, event, as_json=own.as_json, kept=kept)
    if not kept:
        shutil.rmtree(directory.path)
    return code
