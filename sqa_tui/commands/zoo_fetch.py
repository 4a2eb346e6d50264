"""`sqa-tui zoo fetch`: several downloads at once, with a bar each; a line each where nobody watches."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from engine.errors import EXIT_FAILED, EXIT_USAGE, UserError, plain
from engine.zoo import Fetch, Part, missing, start_fetch
from engine.zoo.sources import meant_as_stub, read_name, read_stub
from engine.zoo.substitutes import Role
from sqa_tui.commands.output import print_json_line
from sqa_tui.formatting import duration, size


def fetch_shown(names: Sequence[str], part: Part, source: str | None, *, as_json: bool = False) -> int:
    """Fetch everything at once and say how each ended; the exit code is the worst."""
    changed = threading.Event()
    asked = [str(read_stub(name)) if meant_as_stub(name) else read_name(name) for name in dict.fromkeys(names)]
    fetches = [start_fetch(name, part, source=source, on_change=lambda _: changed.set()) for name in asked]
    try:
        if as_json:
            _report_json(fetches, changed)
        elif sys.stderr.isatty():
            _show_bars(fetches, changed)
        else:
            _wait(fetches)
    except KeyboardInterrupt:
        for each in fetches:
            each.cancel()
        _wait(fetches)
        click.echo("cancelled: nothing of it was kept", err=True)
        raise
    return max(_conclude(each, as_json=as_json) for each in fetches)


def fetch_missing(arguments: Mapping[str, Any]) -> bool:
    """Fetch the stubs of a run's arguments that are not here and that a source may have; False where one failed.

    Recipes come last, for a model is fetched with its recipes.
    """
    models: dict[str, Role] = {"model_name_or_path": "model", "distill_teacher": "teacher"}
    return _fetch_for(arguments, models) and _fetch_for(arguments, {"recipe": "recipe"})


def _fetch_for(arguments: Mapping[str, Any], roles: Mapping[str, Role]) -> bool:
    found = [missing(str(arguments.get(flag) or ""), role) for flag, role in roles.items()]
    wanted = [each for each in found if each is not None]
    return not wanted or fetch_shown([each.name for each in wanted], wanted[0].part, wanted[0].source) == 0


def _wait(fetches: Sequence[Fetch]) -> None:
    for each in fetches:
        each.wait()


def _report_json(fetches: Sequence[Fetch], changed: threading.Event) -> None:
    while not all(each.done for each in fetches):
        changed.wait(1)
        changed.clear()
        for each in fetches:
            print_json_line(each.progress)


def _show_bars(fetches: Sequence[Fetch], changed: threading.Event) -> None:
    columns = (
        TextColumn("{task.fields[label]}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[speed]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True, highlight=False)) as shown:
        tasks = [shown.add_task("", total=None, label=_label(each), speed="") for each in fetches]
        while not all(each.done for each in fetches):
            changed.wait(0.2)
            changed.clear()
            for each, task in zip(fetches, tasks, strict=True):
                _move(shown, task, each)


def _move(shown: Progress, task: TaskID, fetch: Fetch) -> None:
    now = fetch.progress
    speed = f"{size(now.speed)}/s {duration(now.eta)}".strip() if now.speed else now.phase
    shown.update(task, completed=now.done, total=now.total, label=_label(fetch), speed=speed)


def _label(fetch: Fetch) -> str:
    name = fetch.name.rpartition("/")[2]
    return plain(f"{name} {fetch.progress.file}".strip(), 48)


def _conclude(fetch: Fetch, *, as_json: bool) -> int:
    """Say how a download ended; its exit code."""
    if fetch.path is not None:
        done = {"name": fetch.name, "path": fetch.path}
        print_json_line(done) if as_json else click.echo(f"{plain(fetch.name)}: {fetch.path}")
        return 0
    if fetch.cancelled:
        return EXIT_FAILED
    error = fetch.error or UserError("it ended for no known reason", "fetch again")
    click.echo(f"error: {plain(fetch.name)}: {plain(str(error))}", err=True)
    return EXIT_USAGE
