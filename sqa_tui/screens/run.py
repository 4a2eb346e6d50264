"""One run, live: is it healthy, how far is it, is it getting better, what comes next."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from engine.runs.evidence import Assessment
from engine.runs.paths import RunDirectory
from engine.runs.state import RunState
from sqa_tui.actions import bindings_of, bindings_of_app
from sqa_tui.messages import WatcherFailed
from sqa_tui.run_view import Plan, RunView
from sqa_tui.screens import run_charts, run_words
from sqa_tui.screens.run_panes import PANES, PaneChoice, slots
from sqa_tui.screens.run_rows import useful_reason
from sqa_tui.screens.run_steering import Steering
from sqa_tui.states import ACTIVE
from sqa_tui.watchers.messages import EventsRead, LogRead, PlanDrawn, RunAssessed
from sqa_tui.watchers.run_watcher import RunWatcher
from sqa_tui.widgets import axes
from sqa_tui.widgets.key_bar import KeyBar
from sqa_tui.widgets.layers_pane import LayersPane
from sqa_tui.widgets.line_chart import LineChart
from sqa_tui.widgets.palette import app_of
from sqa_tui.widgets.run_header import RunHeader, RunStatus
from sqa_tui.widgets.segments_line import SegmentsLine
from sqa_tui.widgets.text_pane import TextLine, TextPane

LOGS = ("journal", "log")


class RunScreen(Steering, Screen[None]):
    """Shows one run directory. A watcher thread reads it; this screen handles its messages and steers the engine."""

    CSS_PATH = "run.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of_app(), *bindings_of("run")]

    def __init__(self, run_path: Path) -> None:
        super().__init__()
        self.run_directory = RunDirectory(run_path)
        self.view = RunView()
        self.plan = Plan()
        self.assessment: Assessment | None = None
        self.state: RunState | None = None
        self._choice = PaneChoice()
        self._watcher: RunWatcher | None = None

    # what it is made of

    def compose(self) -> ComposeResult:
        yield RunHeader(self.run_directory.slug, id="status")
        yield SegmentsLine(id="notice")
        with Container(id="panes"):
            yield LineChart("loss", id="loss", empty="no loss reported yet")
            yield LineChart("scores", id="scores", value=axes.score, empty="no evaluation yet")
            yield LineChart(
                "sparsity",
                id="sparsity",
                value=axes.percent,
                tick=axes.tick_percent,
                bounds=(0.0, 1.0),
                empty="no sparsity reported yet",
            )
            yield LineChart("learning rate", id="rate", empty="no learning rate reported yet")
            yield LayersPane(id="layers")
            yield LineChart("throughput", id="speed", from_zero=True, empty="no throughput reported yet")
        yield SegmentsLine(id="next")
        with Container(id="logs"):
            yield TextPane("journal", id="journal", empty="nothing happened yet")
            yield TextPane("console", id="log", empty="the engine has printed nothing yet")
        words = Input(placeholder="only console lines with these words …", id="filter", compact=True)
        words.cursor_blink = False
        words.display = False
        yield words
        yield KeyBar()

    def on_mount(self) -> None:
        # Panes appear once, with their first content: painting them empty first would double the bytes.
        self.add_class("-reading")
        self.query_one("#notice", SegmentsLine).show()
        self._show_next()
        self._watcher = RunWatcher(self.run_directory.path, self.post_message)
        self._watcher.start()

    def on_unmount(self) -> None:
        if self._watcher:
            self._watcher.stop()

    # what the watcher found

    @on(EventsRead)
    def _take_events(self, message: EventsRead) -> None:
        self.view = message.view
        self.report_answers(message.view.answers)
        with app_of(self).batch_update():
            self._show_header()
            self._show_charts()
            self._show_next()
            entries = tuple(run_words.journal_line(entry) for entry in self.view.journal)
            self.query_one("#journal", TextPane).show(entries)
            self.remove_class("-reading")

    @on(PlanDrawn)
    def _take_plan(self, message: PlanDrawn) -> None:
        self.plan = message.plan
        self._show_charts()
        self._show_next()

    @on(RunAssessed)
    def _take_assessment(self, message: RunAssessed) -> None:
        before = self.assessment
        self.assessment, self.state = message.assessment, message.state
        if before is None or before.state != self.assessment.state:
            self.refresh_bindings()
        self._show_header()
        self._show_next()

    @on(LogRead)
    def _take_log(self, message: LogRead) -> None:
        self.query_one("#log", TextPane).show(tuple(TextLine(line) for line in message.lines))

    @on(WatcherFailed)
    def _take_failure(self, message: WatcherFailed) -> None:
        self.notify(f"{message.watcher} cannot be read: {message.reason}", severity="warning", markup=False)

    # showing it

    def _show_header(self) -> None:
        view, state = self.view, self.state
        assessment = self.assessment or Assessment("", "")
        notices = run_words.notices(view, self.assessment, self.size.width)
        left = state.eta_seconds if state and assessment.state in ACTIVE else None
        self.query_one("#status", RunHeader).show(
            RunStatus(
                self.run_directory.slug,
                assessment.state,
                "" if assessment.state in run_words.NOTICED else useful_reason(assessment, state),
                view.epoch,
                view.total_epochs,
                view.progress,
                left,
                view.device,
            )
        )
        self.query_one("#notice", SegmentsLine).show(*notices)

    def _show_charts(self) -> None:
        view, plan = self.view, self.plan
        for name, data in (
            ("loss", run_charts.loss(view)),
            ("scores", run_charts.scores(view)),
            ("sparsity", run_charts.sparsity(view, plan)),
            ("rate", run_charts.learning_rate(view, plan)),
            ("speed", run_charts.throughput(view)),
        ):
            self.query_one(f"#{name}", LineChart).show(data)
        end = view.total_epochs or max(view.epoch, 1.0)
        self.query_one("#layers", LayersPane).show(view.layers, view.epoch, end)

    def _show_next(self) -> None:
        waiting = self.waiting_words()
        words = run_words.next_line(self.view, self.plan, time.time(), run_words.is_over(self.view, self.assessment))
        self.query_one("#next", SegmentsLine).show((*waiting, *words))

    # panes

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()

    def _arrange(self) -> None:
        """Show as many panes as there is room for, or the one that has the whole place."""
        columns, rows = self.size
        count = slots(columns, rows)
        choice = self._choice
        shown = choice.shown(count)
        for pane in PANES:
            self.query_one(f"#{pane}").display = pane in shown
        for log in LOGS:
            alone = choice.maximised in LOGS
            self.query_one(f"#{log}").display = choice.maximised == log if alone else count >= 4 or log == "log"
        self.set_class(count == 6 and not choice.maximised, "-six")
        self.set_class(count == 4 and not choice.maximised, "-four")
        self.set_class(count < 4, "-compact")
        self.set_class(choice.maximised in LOGS, "-log")
        self._show_header()

    def action_pane_loss(self) -> None:
        """Show the losses."""
        self._choose("loss")

    def action_pane_scores(self) -> None:
        """Show F1 and EM."""
        self._choose("scores")

    def action_pane_sparsity(self) -> None:
        """Show the sparsity."""
        self._choose("sparsity")

    def action_pane_rate(self) -> None:
        """Show the learning rate."""
        self._choose("rate")

    def action_pane_layers(self) -> None:
        """Show the layers."""
        self._choose("layers")

    def action_pane_speed(self) -> None:
        """Show the throughput."""
        self._choose("speed")

    def _choose(self, pane: str) -> None:
        """Show a pane and give it the keyboard."""
        self._choice.choose(pane, slots(*self.size))
        self._arrange()
        self.query_one(f"#{pane}").focus()

    def action_maximise(self) -> None:
        """Give the pane with the keyboard the whole place, or all of them theirs again."""
        if self._choice.maximised:
            self._choice.maximised = None
        else:
            self._choice.maximised = self._focused_pane() or self._choice.shown(1)[0]
        self._arrange()
        if self._choice.maximised:
            self.query_one(f"#{self._choice.maximised}").focus()

    def _focused_pane(self) -> str | None:
        focused = self.focused
        return focused.id if isinstance(focused, Widget) and focused.id in (*PANES, *LOGS) else None

    @on(LineChart.CrosshairMoved)
    def _move_crosshairs(self, message: LineChart.CrosshairMoved) -> None:
        for chart in self.query(LineChart):
            chart.set_crosshair(message.x)

    # the filter of the console

    def action_filter(self) -> None:
        """Ask for words that console lines must hold."""
        words = self.query_one("#filter", Input)
        words.display = True
        words.focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self.query_one("#log", TextPane).keep_only(event.value.strip())

    @on(Input.Submitted, "#filter")
    def _keep_filter(self) -> None:
        self.query_one("#filter").display = False
        self.query_one("#log").focus()

    def action_back(self) -> None:
        """Leave the filter, then the maximised pane, then the screen."""
        words = self.query_one("#filter", Input)
        if words.display or words.value:
            words.value = ""
            words.display = False
            self.set_focus(None)
        elif self._choice.maximised:
            self.action_maximise()
        elif len(app_of(self).screen_stack) > 1:
            self.dismiss()
