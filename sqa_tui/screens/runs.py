"""Every run: its state and why, how far it is, how good it is; the place from where all else is reached."""

from __future__ import annotations

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Input, Static

from engine.runs import control
from engine.runs.launch import stop_engine
from engine.runs.paths import RunDirectory
from sqa_tui.actions import bindings_of
from sqa_tui.messages import RunsListed, WatcherFailed
from sqa_tui.screens.base import BaseScreen
from sqa_tui.screens.confirm import ConfirmScreen
from sqa_tui.screens.run_rows import count_states, row_of
from sqa_tui.states import ACTIVE, RESUMABLE, glyph
from sqa_tui.watchers.run_list import RunListWatcher
from sqa_tui.widgets.key_bar import KeyBar
from sqa_tui.widgets.lines import Lines, Piece, TitleBar
from sqa_tui.widgets.run_list import RunList, RunRow

EMPTY = Text.assemble(
    ("No runs yet.\n\n", "bold"),
    ("n", "bold"),
    " starts one: the demo needs no network and takes a few minutes.\n",
    ("?", "bold"),
    " shows every key.",
    justify="center",
)

NO_MATCH = Text("No run matches; Esc shows them all.", justify="center")


class RunsScreen(BaseScreen[None]):
    """The list of runs; a thread reads them, this screen shows what it found."""

    CSS_PATH = "runs.tcss"
    BINDINGS = bindings_of("runs")
    AUTO_FOCUS = "#list"

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[RunRow, ...] | None = None
        self._words = ""
        self._watcher: RunListWatcher | None = None

    def compose(self) -> ComposeResult:
        yield TitleBar("Runs", id="title")
        yield Static("", id="empty")
        yield RunList(id="list")
        yield Lines(id="detail")
        filter_input = Input(placeholder="words: name, state, model, recipe …", id="filter", compact=True)
        filter_input.cursor_blink = False
        yield filter_input
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self._watcher = RunListWatcher(self, self.app.settings.poll_seconds)
        self._watcher.start()

    def on_unmount(self) -> None:
        if self._watcher:
            self._watcher.end()

    def on_screen_suspend(self) -> None:
        if self._watcher:
            self._watcher.rest()

    def on_screen_resume(self) -> None:
        if self._watcher:
            self._watcher.wake()

    @on(RunsListed)
    def _take(self, message: RunsListed) -> None:
        self._rows = tuple(row_of(run) for run in message.runs)
        self._show()

    @on(WatcherFailed)
    def _say_failure(self, message: WatcherFailed) -> None:
        self._rows = None
        self.query_one(RunList).show(())
        self._show_instead(Text(message.reason, justify="center"))

    def _show(self) -> None:
        rows = self._rows or ()
        shown = tuple(row for row in rows if row.matches(self._words))
        self.query_one(RunList).show(shown)
        self.query_one(TitleBar).show(_summary(rows, len(shown)))
        self._show_instead(None if shown else NO_MATCH if rows else EMPTY)

    def _show_instead(self, text: Text | None) -> None:
        """Show a text instead of the list, or the list."""
        instead = self.query_one("#empty", Static)
        instead.display = text is not None
        self.query_one(RunList).display = text is None
        self.query_one("#detail").display = text is None
        if text is not None:
            instead.update(text)

    @on(RunList.Highlighted)
    def _describe(self) -> None:
        row = self._selected
        self.query_one("#detail", Lines).show(_detail(row) if row else ())
        self.refresh_bindings()

    @on(RunList.Opened)
    def action_open(self) -> None:
        row = self._selected
        if row:
            self.app.open_run(row.path)

    def action_new_run(self) -> None:
        self.app.open_new_run()

    def action_ask(self) -> None:
        row = self._selected
        if row:
            self.app.open_ask(row.path)

    def action_recipe(self) -> None:
        row = self._selected
        if row:
            self.app.open_recipe(run=row.path)

    def action_zoo(self) -> None:
        self.app.open_zoo()

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_clear(self) -> None:
        field = self.query_one("#filter", Input)
        field.value = ""
        field.display = False
        self.query_one(RunList).focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self._words = event.value
        self._show()

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        if not self._words:
            self.action_clear()
        self.query_one(RunList).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "stop":
            return True if self._selected and self._selected.state in ACTIVE else None
        if action == "resume":
            return True if self._selected and self._selected.state in (RESUMABLE | {"paused"}) else None
        if action in ("open", "ask", "recipe"):
            return True if self._selected else None
        return True

    @work(exit_on_error=False)
    async def action_stop(self) -> None:
        row = self._selected
        if row is None:
            return
        question = ConfirmScreen(f"Stop {row.name}?", "It writes a checkpoint first and can be resumed from there.")
        if not self.app.settings.confirm_stop or await self.app.push_screen_wait(question):
            stop_engine(RunDirectory(row.path))
            self.notify(f"{row.name} was asked to stop", markup=False)

    def action_resume(self) -> None:
        row = self._selected
        if row is None:
            return
        if row.state == "paused":
            control.request(RunDirectory(row.path), "resume")
            self.notify(f"{row.name} was asked to go on", markup=False)
        else:
            self.app.start_again(row.path)

    @property
    def _selected(self) -> RunRow | None:
        found = self.query(RunList)
        return found.first().selected if found else None


def _summary(rows: tuple[RunRow, ...], shown: int) -> tuple[Piece, ...]:
    if not rows:
        return ()
    many = f"{len(rows)} run{'s' if len(rows) > 1 else ''}"
    pieces = [Piece(many if shown == len(rows) else f"{shown} of {many}", "muted")]
    for state, count in count_states(rows):
        pieces += [Piece("  "), Piece(f"{glyph(state)} {count} {state}", f"state-{state}")]
    return tuple(pieces)


def _detail(row: RunRow) -> list[tuple[Piece, ...]]:
    state = f"state-{row.state}"
    first = (Piece(f"{glyph(row.state)} {row.state}", state, bold=True), Piece(f"  {row.reason}"))
    return [first, *((Piece(text, "muted"),) for text in row.description), (Piece(row.id, "muted"),)]
