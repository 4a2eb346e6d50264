"""`sqa-tui log` and `sqa-tui metrics`: what a run printed, and what it measured."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterator
from typing import Any

import click

from engine.errors import plain
from engine.runs.evidence import assess
from engine.runs.paths import RunDirectory, find_run
from engine.runs.reader import Event, EventReader
from sqa_tui.commands.follow import POLL_SECONDS
from sqa_tui.commands.output import print_json_line, print_table
from sqa_tui.states import ACTIVE

LINE_LIMIT = 4000
"""Characters of one log line that are shown."""


def _lines(directory: RunDirectory, follow: bool) -> Iterator[str]:
    """Lines of the console log; a carriage return (progress bars) keeps only what was drawn last."""
    if not directory.console_file.exists():
        return
    with directory.console_file.open(encoding="utf-8", errors="replace", newline="\n") as log:
        pending = ""
        while True:
            piece = log.readline()
            if piece:
                pending += piece
                if pending.endswith("\n"):
                    yield pending.rstrip("\r\n").rpartition("\r")[2]
                    pending = ""
            elif follow and assess(directory).state in ACTIVE:
                time.sleep(POLL_SECONDS)
            else:
                if pending:
                    yield pending.rpartition("\r")[2]
                return


@click.command()
@click.argument("run")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="Only the last N lines (without --follow).")
@click.option("--json", "as_json", is_flag=True, help="Print the run's events, one JSON object a line.")
def log(run: str, follow: bool, lines: int | None, as_json: bool) -> None:
    """What RUN printed (control characters removed)."""
    directory = find_run(run)
    if as_json:
        for event in EventReader(directory.events_file).read():
            print_json_line(event)
        return
    shown: Iterator[str] | list[str] = _lines(directory, follow)
    if lines is not None and not follow:
        shown = list(shown)[-lines:] if lines else []
    try:
        for line in shown:
            click.echo(plain(line, LINE_LIMIT))
    except KeyboardInterrupt:
        return


@click.command()
@click.argument("run")
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a column for each metric.")
@click.option("--json", "as_json", is_flag=True, help="JSON, one object a line.")
def metrics(run: str, as_csv: bool, as_json: bool) -> None:
    """Metrics and evaluations of RUN, in the order in which they were measured."""
    directory = find_run(run)
    events = [event for event in EventReader(directory.events_file).read() if event.get("kind") in ("metric", "eval")]
    if as_csv:
        _print_csv(events)
        return
    if not as_json:
        _print_table(events)
        return
    for event in events:
        print_json_line(event)


def _print_table(events: list[Event]) -> None:
    """A column for each metric; the spread of merged steps and the clock are in the other two forms."""
    names = [name for name in _names(events) if name != "t" and not name.endswith(("_min", "_max"))]
    rows = ([_cell(event.get(name)) for name in names] for event in events)
    print_table(names, rows, right=[name for name in names if name != "kind"])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _names(events: list[Event]) -> list[str]:
    names: dict[str, None] = dict.fromkeys(["t", "kind", "step", "epoch"])
    for event in events:
        names.update(dict.fromkeys(name for name in event if name not in ("v", "seq", "expect_next_in")))
    return list(names)


def _print_csv(events: list[Event]) -> None:
    writer = csv.DictWriter(sys.stdout, _names(events), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    rows: list[dict[str, Any]] = events
    writer.writerows(rows)
