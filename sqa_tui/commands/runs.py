"""`sqa-tui runs` and `sqa-tui status`: all runs, one run."""

from __future__ import annotations

import shlex
import time
from typing import Any

import click
import msgspec

from engine.errors import plain
from engine.runs.evidence import assess
from engine.runs.listing import RunSummary, list_runs
from engine.runs.paths import find_run, runs_root
from engine.runs.spec import read_spec, without_secrets
from engine.runs.state import RunState, read_state
from sqa_tui.commands.follow import newest_run
from sqa_tui.commands.output import json_option, print_json, print_table
from sqa_tui.formatting import duration, number, percent
from sqa_tui.states import ACTIVE, glyph


def _progress(state: RunState) -> str:
    return percent((state.step or 0) / state.total_steps) if state.total_steps else ""


def _row(run: RunSummary) -> list[str]:
    state = run.state
    return [
        glyph(run.assessment.state),
        run.id,
        run.assessment.state,
        _progress(state),
        percent(state.sparsity),
        number(state.f1, 2),
        run.assessment.reason,
    ]


@click.command()
@json_option
def runs(as_json: bool) -> None:
    """List all runs, the newest first."""
    found = list_runs()
    if as_json:
        print_json(found)
    elif not found:
        click.echo(f"no runs yet in {plain(str(runs_root()))}: sqa-tui train starts one, or press n in the app")
    else:
        print_table(["", "run", "state", "done", "sparsity", "F1", "evidence"], map(_row, found), right=["done", "F1"])


def _rows(state: RunState) -> list[tuple[str, str]]:
    steps = f"{state.step or 0} of {state.total_steps}" if state.total_steps else ""
    epochs = f"{state.epoch or 0:.2f} of {state.total_epochs:g}" if state.total_epochs else ""
    age = duration(time.time() - state.last_event_at) if state.last_event_at else ""
    return [
        ("phase", state.phase or ""),
        ("step", steps),
        ("epoch", epochs),
        ("loss", number(state.loss, 4)),
        ("sparsity", percent(state.sparsity)),
        ("F1", number(state.f1, 2)),
        ("exact match", number(state.exact_match, 2)),
        ("ETA", duration(state.eta_seconds)),
        ("last event", f"{age} ago" if age else ""),
    ]


@click.command()
@click.argument("run", required=False)
@json_option
def status(run: str | None, as_json: bool) -> None:
    """One RUN (default: the newest): state with its evidence, latest figures, choices."""
    directory = newest_run() if run is None else find_run(run)
    found, state = assess(directory), read_state(directory)
    spec = read_spec(directory)
    if as_json:
        choices: Any = msgspec.to_builtins(spec)
        choices["arguments"] = without_secrets(spec.arguments)
        print_json(
            {"run": directory.id, "state": found.state, "reason": found.reason, "latest": state, "spec": choices}
        )
        return
    click.echo(f"{glyph(found.state)} {directory.id}  {plain(f'{found.state}: {found.reason}')}")
    choices = [
        ("model", spec.model),
        ("recipe", spec.recipe.source if spec.recipe else ""),
        ("teacher", spec.teacher or ""),
        ("output", spec.output_dir),
        ("command", shlex.join(spec.command)),
    ]
    over = {"ETA"} if found.state not in ACTIVE else set[str]()
    for name, value in [*choices, *(_rows(state) if state else [])]:
        if value and name not in over:
            click.echo(f"  {name:12} {plain(value)}")
