"""What `sqa-tui zoo fetch` says of its downloads: lines for people, JSON lines for programs."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from engine.errors import EXIT_FAILED, EXIT_USAGE, UserError, plain
from engine.zoo import Fetch, Progress
from sqa_tui.commands.output import print_json_line

_SHOWN = 200
"""Characters of a name in an error."""


class Telling:
    """Tells each step that is new, and each end once; the exit code is that of the worst end.

    As JSON, every line is a `Progress`; the last one of a name has the phase ``done`` (with ``path``), ``failed``
    (with ``error`` and ``hint``) or ``cancelled``.
    """

    def __init__(self, *, as_json: bool, stdout: bool) -> None:
        self.as_json = as_json
        self.code = 0
        self._stdout = stdout
        self._told: dict[str, Progress] = {}
        self._ended: set[str] = set()

    def moved(self, fetch: Fetch) -> None:
        """How far a download is, where that has changed."""
        now = fetch.progress
        if self.as_json and now.phase != "done" and self._told.get(fetch.name) != now:
            self._told[fetch.name] = now
            print_json_line(now)

    def end(self, fetch: Fetch) -> None:
        """How a download ended."""
        if fetch.name in self._ended:
            return
        if fetch.path is not None:
            self._done(fetch.progress, fetch.path)
        elif fetch.cancelled:
            self._cancelled(fetch.progress)
        else:
            error = fetch.error or UserError("it ended for no known reason", "fetch again")
            self.failed(fetch.name, error, fetch.progress)

    def is_here(self, name: str, path: Path) -> None:
        """There is nothing to download."""
        self._done(Progress(name=name, source=""), path)
        if not self.as_json:
            click.echo(f"{plain(name)} is here already; with --source it is fetched again", err=True)

    def failed(self, name: str, error: UserError, progress: Progress | None = None) -> None:
        """Why it is not here, on stderr too where the rest is JSON."""
        self._end(name, EXIT_USAGE)
        if self.as_json:
            last = progress or Progress(name=name, source="")
            print_json_line(_ended(last, "failed", error=error.message, hint=error.hint))
        shown = plain(name, _SHOWN)
        named = "" if error.message.startswith(shown) else f"{shown}: "
        click.echo(f"error: {named}{plain(str(error))}", err=True)

    def _done(self, progress: Progress, path: Path) -> None:
        self._end(progress.name, 0)
        if self.as_json:
            print_json_line(_ended(progress, "done", path=str(path)))
        else:
            click.echo(f"{plain(progress.name)}: {plain(str(path))}", err=not self._stdout)

    def _cancelled(self, progress: Progress) -> None:
        self._end(progress.name, EXIT_FAILED)
        if self.as_json:
            print_json_line(_ended(progress, "cancelled"))
        click.echo(f"{plain(progress.name)}: cancelled: nothing of it was kept", err=True)

    def _end(self, name: str, code: int) -> None:
        self._ended.add(name)
        self.code = max(self.code, code)


def _ended(progress: Progress, phase: str, **more: str) -> dict[str, object]:
    return {**msgspec.structs.asdict(progress), "phase": phase, **more}
