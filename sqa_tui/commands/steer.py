"""`sqa-tui stop | pause | resume | checkpoint`: commands to a run, through its directory."""

from __future__ import annotations

import click

from engine.errors import UserError
from engine.question_answering.artifacts import is_trained
from engine.runs.control import request
from engine.runs.evidence import assess, examine
from engine.runs.identity import read_identity
from engine.runs.launch import stop_engine
from engine.runs.paths import RunDirectory, find_run
from engine.runs.spec import RunSpec, read_spec
from engine.runs.state import RunState
from sqa_tui.commands.output import json_option, print_json
from sqa_tui.launching import start_again
from sqa_tui.states import ACTIVE


def _live(name: str) -> RunDirectory:
    directory = find_run(name)
    found = assess(directory)
    if found.state not in ACTIVE:
        raise UserError(f"{directory.id} does not run: {found.reason}", f"sqa-tui status {directory.id}")
    return directory


def _answer(directory: RunDirectory, text: str, as_json: bool) -> None:
    if as_json:
        print_json({"run": directory.id, "asked": text})
    else:
        click.echo(f"{directory.id}: {text}")


@click.command()
@click.argument("run")
@click.option("--now", is_flag=True, help="Do not wait for a checkpoint.")
@json_option
def stop(run: str, now: bool, as_json: bool) -> None:
    """Stop RUN: checkpoint, then exit. Its checkpoint can be resumed."""
    directory = _live(run)
    identity = read_identity(directory)
    if identity is not None and identity.alive() is None and not now:
        request(directory, "stop")  # on another machine: no signal gets there
    else:
        stop_engine(directory, now=now)
    _answer(directory, "stops now" if now else "stops after a checkpoint", as_json)


@click.command()
@click.argument("run")
@json_option
def pause(run: str, as_json: bool) -> None:
    """Let RUN wait at its next step."""
    directory = _live(run)
    if assess(directory).state == "paused":
        raise UserError(f"{directory.id} is paused already", f"sqa-tui resume {directory.id} lets it go on")
    request(directory, "pause")
    _answer(directory, "pauses at its next step", as_json)


@click.command()
@click.argument("run")
@click.option("--nproc_per_node", type=click.IntRange(min=1), help="Go on with so many processes, where it stopped.")
@json_option
def resume(run: str, nproc_per_node: int | None, as_json: bool) -> None:
    """Let a paused RUN go on; a stopped, killed or failed one starts again from its last checkpoint."""
    directory = find_run(run)
    # With the log's last events: the engine may have been killed before it wrote its state.
    found, last = examine(directory)
    state = found.state
    if state == "finished":
        raise UserError(f"{directory.id} is finished", "start a new run with other arguments")
    if state in ACTIVE:
        request(directory, "resume")
        _answer(directory, "goes on", as_json)
    else:
        start_again(directory, ["--nproc_per_node", str(nproc_per_node)] if nproc_per_node else [])
        _answer(directory, _where(last, read_spec(directory)), as_json)


def _where(last: RunState, spec: RunSpec) -> str:
    if is_trained(spec, last):
        return "goes on after its training, which is done"
    # What is saved at the end is no checkpoint: where it is gone, the newest one in its folder is taken.
    known = last.checkpoint_path if last.checkpoint_path != spec.output_dir else None
    if known is not None:
        return f"goes on from {known}"
    return "starts anew: it has no checkpoint" if last.checkpoint_path is None else "goes on from its newest checkpoint"


@click.command()
@click.argument("run")
@json_option
def checkpoint(run: str, as_json: bool) -> None:
    """Let RUN write a checkpoint now."""
    directory = _live(run)
    request(directory, "checkpoint")
    _answer(directory, "writes a checkpoint at its next step", as_json)
