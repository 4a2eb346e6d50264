"""`sqa-tui zoo fetch`: several downloads at once, with a bar each; a line each where nobody watches."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from engine.errors import UserError, plain
from engine.zoo import Fetch, Missing, Part, missing, start_fetch
from engine.zoo.presence import here
from engine.zoo.sources import meant_as_stub, read_name, read_stub
from engine.zoo.substitutes import Role
from sqa_tui.commands.zoo_fetch_telling import Telling
from sqa_tui.formatting import duration, size


def fetch_shown(
    names: Sequence[str], part: Part, source: str | None, *, as_json: bool = False, stdout: bool = True
) -> int:
    """Fetch everything at once and say how each ended, on stderr if not `stdout`; the exit code is the worst.

    What is here already is not fetched again, unless its `source` is named.
    """
    changed = threading.Event()
    tell = Telling(as_json=as_json, stdout=stdout)
    begun = (_begin(name, part, source, changed, tell) for name in dict.fromkeys(names))
    fetches = [each for each in begun if each is not None]
    try:
        _watch(fetches, changed, tell)
    except KeyboardInterrupt:
        for each in fetches:
            each.cancel()
        for each in fetches:
            each.wait()
            tell.end(each)
        raise
    for each in fetches:
        tell.end(each)
    return tell.code


def _begin(written: str, part: Part, source: str | None, changed: threading.Event, tell: Telling) -> Fetch | None:
    """A download that has begun; None where there is nothing to download, or nobody to ask."""
    try:
        name = str(read_stub(written)) if meant_as_stub(written) else read_name(written)
        path = None if source else here(name, part)
        if path is None:
            return start_fetch(name, part, source=source, on_change=lambda _: changed.set())
        tell.is_here(name, path)
    except UserError as error:
        tell.failed(written, error)
    return None


_ROLES: dict[str, Role] = {"model_name_or_path": "model", "distill_teacher": "teacher", "recipe": "recipe"}


def missing_of(arguments: Mapping[str, Any]) -> dict[Role, Missing]:
    """What a run's arguments name that is not here and that a source may have, by its role.

    What belongs to a certain revision or cache of the hub is left to the engine.
    """
    found: dict[Role, Missing | None] = {
        role: missing(str(arguments.get(flag) or ""), role) for flag, role in _ROLES.items()
    }
    left_to_engine = bool(arguments.get("model_revision") or arguments.get("cache_dir"))
    return {role: each for role, each in found.items() if each and not (left_to_engine and each.source == "hub")}


def fetch_missing(arguments: Mapping[str, Any]) -> bool:
    """Fetch what is missing; False where that failed. Recipes come last, for a model is fetched with its recipes."""
    for part in ("model", "recipe"):
        names = [each.name for each in missing_of(arguments).values() if each.part == part]
        if names and fetch_shown(names, part, None, stdout=False) != 0:
            return False
    return True


def _watch(fetches: Sequence[Fetch], changed: threading.Event, tell: Telling) -> None:
    """Until all have ended; a bar each where somebody watches, and each end at once where nobody does."""
    if sys.stderr.isatty() and not tell.as_json:
        _show_bars(fetches, changed)
        return
    while not all(each.done for each in fetches):
        changed.wait(1)
        changed.clear()
        for each in fetches:
            if each.done:
                tell.end(each)
            else:
                tell.moved(each)


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
        # What came last, while nobody looked.
        for each, task in zip(fetches, tasks, strict=True):
            _move(shown, task, each)


def _move(shown: Progress, task: TaskID, fetch: Fetch) -> None:
    now = fetch.progress
    ended = "failed" if fetch.error is not None else "cancelled" if fetch.cancelled else ""
    speed = ended or (f"{size(now.speed)}/s {duration(now.eta)}".strip() if now.speed else now.phase)
    shown.update(task, completed=now.done, total=now.total, label=_label(fetch), speed=speed)


def _label(fetch: Fetch) -> str:
    name = fetch.name.rpartition("/")[2]
    return plain(f"{name} {fetch.progress.file}".strip(), 48)
