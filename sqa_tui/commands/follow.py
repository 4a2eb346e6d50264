"""Follow a run on the command line: a progress bar, a line for everything that is worth one, the result at the end."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from engine.errors import EXIT_FAILED, UserError, plain
from engine.runs.evidence import assess, examine
from engine.runs.paths import RunDirectory, find_run, run_directories
from engine.runs.reader import Event, EventReader
from engine.runs.spec import read_spec
from engine.runs.state import RunState, advance, read_state
from sqa_tui.commands.output import console, json_option, print_json_line
from sqa_tui.formatting import duration, number, percent, size
from sqa_tui.states import ACTIVE

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
POLL_SECONDS = 0.25
"""How often a followed run's log is read."""
ASSESS_EVERY = 8
"""Polls between two looks at whether the engine lives, while its log is silent."""
FIGURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "loss": ("loss", lambda value: number(value, 3)),
    "sparsity": ("sparsity", percent),
    "samples_per_second": ("samples/s", lambda value: number(value, 0)),
}
"""What stands beside the bar: metric → its label and how it is written."""


def describe(event: Event) -> str | None:
    """The line a person reads for an event, or None for events that only move the bar."""
    match event.get("kind"):
        case "phase" if event.get("action") == "enter":
            return f"· {event.get('phase')}: {event.get('text') or 'begins'}"
        case "eval":
            line = (
                f"✓ F1 {_figure(event, 'f1')}  EM {_figure(event, 'exact_match')}  ({event.get('samples')} questions)"
            )
            recovery = event.get("recovery")
            return line + (f"  recovery {percent(recovery)}" if isinstance(recovery, float) else "")
        case "checkpoint":
            return f"· checkpoint {event.get('path')} ({event.get('reason')})"
        case "export":
            return (
                f"✓ exported {event.get('path')}: {size(event.get('size_bytes'))}, "
                f"differs from torch by {_small(event.get('difference'))} (allowed {_small(event.get('tolerance'))})"
            )
        case "alert":
            mark = {"error": "✗", "warning": "!"}.get(str(event.get("level")), "·")
            hint = event.get("hint")
            return f"{mark} {event.get('message')}" + (f" ({hint})" if hint else "")
        case "control":
            return f"· {event.get('command')}: {event.get('message')}"
        case _:
            return None


def _figure(event: Event, name: str) -> str:
    value = event.get(name)
    return number(value, 2) if isinstance(value, (int, float)) else str(value)


def _small(value: object) -> str:
    return f"{value:.1e}" if isinstance(value, float) else str(value)


class Bar:
    """The progress bar of one run; without a terminal it says nothing, and only the lines remain."""

    def __init__(self, screen: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            console=screen,
            refresh_per_second=4,
            disable=not screen.is_terminal,
            transient=True,
        )
        self.task: TaskID = self.progress.add_task("prepare", total=None, figures="")
        self.figures: dict[str, str] = {}
        # Time that is left follows from the events' own times: a log that is read at once says nothing about speed.
        self.state = RunState()

    def show(self, event: Event) -> None:
        """Move the bar to where `event` says the run is."""
        advance(self.state, event)
        match event.get("kind"):
            case "start":
                self.progress.update(self.task, total=event.get("total_steps"))
            case "phase" if event.get("action") == "enter":
                self.progress.update(self.task, description=plain(str(event.get("phase"))))
            case "metric":
                self._metric(event)
            case "eval":
                self.figures["F1"] = _figure(event, "f1")
            case _:
                return
        self._write()

    def _metric(self, event: Event) -> None:
        for name, (label, show) in FIGURES.items():
            value = event.get(name)
            if isinstance(value, (int, float)):
                self.figures[label] = show(value)
        if self.state.eta_seconds is not None:
            self.figures["ETA"] = duration(self.state.eta_seconds)
        self.progress.update(self.task, completed=event.get("step") or 0)

    def _write(self) -> None:
        text = "  ".join(f"{label} {value}" for label, value in self.figures.items())
        self.progress.update(self.task, figures=text)


def follow(
    directory: RunDirectory,
    *,
    on_interrupt: Callable[[int], bool],
    as_json: bool = False,
    quiet_failure: bool = False,
    said: frozenset[str] = frozenset(),
    alive: Callable[[], bool] | None = None,
) -> Event | None:
    """Show a run until it ends; returns its exit event, or None where it died without one.

    A run that was started again has several exit events: the last one counts, once no engine goes on behind it.
    `on_interrupt` is called with the count of Ctrl-C so far; it returns True to go on following. Raises
    KeyboardInterrupt where it returns False. `alive` is asked in place of the run's evidence while the engine is our
    own child; alerts with the words of `said` are not repeated.
    """
    screen = console()
    reader = EventReader(directory.events_file)
    bar = Bar(screen)
    seen = silent = 0
    with bar.progress, counted_interrupts() as interrupts:
        while True:
            events = reader.read()
            for event in events:
                if as_json or event.get("kind") != "alert" or event.get("message") not in said:
                    _print(event, screen, bar, as_json, quiet_failure)
            if events and events[-1].get("kind") == "exit" and not _lives(directory, None):
                return events[-1]
            if len(interrupts) > seen:
                seen = len(interrupts)
                if not on_interrupt(seen):
                    raise KeyboardInterrupt
            silent = 0 if events else silent + 1
            if silent and silent % ASSESS_EVERY == 0 and not _lives(directory, alive):
                return next((event for event in reversed(reader.read()) if event.get("kind") == "exit"), None)
            if not events:
                time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def counted_interrupts() -> Generator[list[int]]:
    """While active, Ctrl-C is noted and interrupts nothing: an exception could be lost where it happens to strike.

    SIGTERM, which `timeout`, systemd and cluster schedulers send, means the same.
    """
    noted: list[int] = []
    before = {number: signal.signal(number, lambda number, frame: noted.append(number)) for number in _INTERRUPTS}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _lives(directory: RunDirectory, alive: Callable[[], bool] | None) -> bool:
    return alive() if alive is not None else assess(directory).state in ACTIVE


def _print(event: Event, screen: Console, bar: Bar, as_json: bool, quiet_failure: bool) -> None:
    if as_json:
        print_json_line(event)
        return
    bar.show(event)
    line = describe(event)
    if line is not None and not (quiet_failure and event.get("level") == "error"):
        screen.print(Text(plain(line)), soft_wrap=True)


def conclude(directory: RunDirectory, event: Event | None, *, as_json: bool = False, kept: bool = True) -> int:
    """Say how a run ended and turn that into an exit code; `kept`: there will be a run whose log can be read."""
    if event is None:
        found, last = examine(directory)
        done = last.checkpoint_path == read_spec(directory).output_dir
        where = "does what is left" if done else f"goes on from {last.checkpoint_path or 'the beginning'}"
        left = f"sqa-tui resume {directory.id} {where}"
        print(f"error: {directory.id} was {found.state}: {found.reason} ({left})", file=sys.stderr)
        return EXIT_FAILED
    outcome = event.get("outcome")
    if outcome == "failed":
        error: dict[str, Any] = event.get("error") or {}
        hint = error.get("hint") or (f"sqa-tui log {directory.id} has the details" if kept else "")
        said = plain(str(error.get("message") or event.get("reason")))
        print(f"error: {said} ({plain(str(hint))})" if hint else f"error: {said}", file=sys.stderr)
        return 2 if error.get("usage") else EXIT_FAILED
    if not as_json:
        click.echo(f"{directory.id}: {outcome}{_what_is_left(directory, finished=outcome == 'finished')}")
    return 0 if outcome == "finished" else EXIT_FAILED


def _what_is_left(directory: RunDirectory, *, finished: bool) -> str:
    """Where the model is, or the checkpoint to go on from."""
    if finished:
        output = Path(read_spec(directory).output_dir)
        return f", model in {output}" if (output / "config.json").is_file() else ""
    state = read_state(directory)
    if state is None or state.checkpoint_path is None:
        return ", without a checkpoint"
    if state.checkpoint_path == read_spec(directory).output_dir:
        return f", model in {state.checkpoint_path}; sqa-tui resume {directory.id} does what is left"
    return f", checkpoint {state.checkpoint_path}; sqa-tui resume {directory.id} goes on from it"


@click.command()
@click.argument("run", required=False)
@json_option
def attach(run: str | None, as_json: bool) -> int:
    """Follow RUN (default: the newest) until it ends. Ctrl-C leaves it running."""
    directory = newest_run() if run is None else find_run(run)
    try:
        event = follow(directory, on_interrupt=lambda count: False, as_json=as_json)
    except KeyboardInterrupt:
        click.echo(f"{directory.id} goes on; sqa-tui attach {directory.id} comes back to it")
        return 0
    return conclude(directory, event, as_json=as_json)


def newest_run() -> RunDirectory:
    """The run created last; a `UserError` where there is none."""
    found = run_directories()
    if not found:
        raise UserError("there are no runs yet", "sqa-tui train starts one, or press n in the app")
    return found[0]
