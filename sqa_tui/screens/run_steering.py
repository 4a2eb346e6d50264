"""Commands to the engine of a run: each is asked for visibly, and its answer is shown when it comes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work

from engine.errors import UserError, plain
from engine.runs import control
from engine.runs.evidence import Assessment
from engine.runs.launch import stop_engine
from engine.runs.paths import RunDirectory
from sqa_tui.run_view import Answer, RunView
from sqa_tui.screens.confirm import ConfirmScreen
from sqa_tui.states import ACTIVE, ENDED, RESUMABLE
from sqa_tui.watchers.exporter import deployment_of, is_exporting, start_export
from sqa_tui.widgets.palette import app_of
from sqa_tui.widgets.segments_line import Words

if TYPE_CHECKING:
    from textual.screen import Screen

    _Base = Screen[None]
else:
    _Base = object

ENGINE_ACTIONS = ("stop", "pause", "checkpoint", "evaluate")
"""What only an engine can do."""


class Steering(_Base):
    """The part of the Run screen that asks: stop, pause, checkpoint, evaluate, export, ask."""

    run_directory: RunDirectory
    view: RunView
    assessment: Assessment | None
    _asked: dict[str, str]
    _stopping: bool = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._asked = {}

    # keys

    def action_stop(self) -> None:
        """Stop at a checkpoint; asked for again, stop now."""
        if not self._steerable("stop"):
            return
        now = self._stopping
        question = "Stop this run now?" if now else "Stop this run?"
        said = "What was not saved since the last checkpoint is lost." if now else "It writes a checkpoint first."
        app_of(self).push_screen(ConfirmScreen(question, said), lambda yes: self._stop(now) if yes else None)

    def _stop(self, now: bool) -> None:
        self._stopping = True
        self._do("stop now" if now else "stop", lambda: stop_engine(self.run_directory, now=now))

    def action_pause(self) -> None:
        """Pause, or go on after a pause."""
        paused = self.assessment is not None and self.assessment.state == "paused"
        self._ask("resume" if paused else "pause")

    def action_resume(self) -> None:
        """Go on after a pause; start again from the last checkpoint after an end."""
        state = self.assessment.state if self.assessment else ""
        if state == "paused":
            self._ask("resume")
        elif state in RESUMABLE:
            start_again: Callable[[Path], None] | None = getattr(app_of(self), "start_again", None)
            if start_again is not None:
                start_again(self.run_directory.path)
        else:
            self._say(f"this run is {state or 'still being read'}: there is nothing to resume", "warning")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer offers what is possible in the state of the run."""
        state = self.assessment.state if self.assessment else ""
        if action in ENGINE_ACTIONS:
            return state not in ENDED
        return state == "paused" or state in RESUMABLE if action == "resume" else True

    def action_checkpoint(self) -> None:
        """Write a checkpoint now."""
        self._ask("checkpoint")

    def action_evaluate(self) -> None:
        """Evaluate now."""
        self._ask("evaluate")

    def action_export(self) -> None:
        """Export to ONNX: by the engine while it lives, else by an exporter of its own."""
        state = self.assessment.state if self.assessment else ""
        if state not in ENDED:
            self._ask("export")
            return
        there = deployment_of(self.run_directory)
        if there is None or is_exporting(self.run_directory):
            self._export()
            return
        question = ConfirmScreen("Export again?", f"It replaces the model in {plain(str(there))}")
        app_of(self).push_screen(question, lambda yes: self._export() if yes else None)

    def _export(self) -> None:
        try:
            start_export(self.run_directory, self._exported)
        except UserError as error:
            self._say(plain(str(error)), "error")
        else:
            self._say("exporting; its words come in the console below", "information")

    def _exported(self, said: str, well: bool) -> None:
        # The app may be gone by then; the exporter does not care.
        with contextlib.suppress(RuntimeError):
            app_of(self).call_from_thread(self._say, plain(said), "information" if well else "error")

    def action_ask(self) -> None:
        """Ask the exported model a question."""
        exported = self.view.exported
        folder = Path(exported.path) if exported else deployment_of(self.run_directory)
        open_ask: Callable[[Path], None] | None = getattr(app_of(self), "open_ask", None)
        if folder is None or open_ask is None:
            self._say("there is nothing to ask yet: this run has exported no model", "warning")
        else:
            open_ask(folder)

    def action_recipe(self) -> None:
        """View the recipe of this run."""
        open_recipe: Callable[..., None] | None = getattr(app_of(self), "open_recipe", None)
        if open_recipe is not None:
            open_recipe(run=self.run_directory.path)

    # asking and being answered

    def _ask(self, command: str) -> None:
        if self._steerable(command):
            self._do(command, lambda: self._note(control.request(self.run_directory, command), command))

    def _note(self, request: str, command: str) -> None:
        app_of(self).call_from_thread(self._wait_for, request, command)

    def _wait_for(self, request: str, command: str) -> None:
        self._asked[request] = command
        # The engine may have been faster than this thread.
        self.report_answers(self.view.answers)

    @work(thread=True, exit_on_error=False, group="steering")
    def _do(self, what: str, act: Callable[[], None]) -> None:
        try:
            act()
        except UserError as error:
            app_of(self).call_from_thread(self._say, plain(str(error)), "error")
        else:
            app_of(self).call_from_thread(self._say, f"{what}: asked, waiting for the engine's answer", "information")

    def report_answers(self, answers: tuple[Answer, ...]) -> None:
        """Tell what the engine said to commands from here."""
        for answer in answers:
            command = self._asked.pop(answer.request, None)
            if command:
                said = f"{command}: {'accepted' if answer.accepted else 'refused'}"
                words = f"{said}, {answer.message}" if answer.message else said
                self._say(words, "information" if answer.accepted else "warning")

    def waiting_words(self) -> tuple[Words, ...]:
        """Commands that are not answered yet, for the line of what comes next."""
        commands = ", ".join(dict.fromkeys(self._asked.values()))
        return ((f"{commands}: waiting for the engine", "mark"),) if commands else ()

    def _steerable(self, command: str) -> bool:
        state = self.assessment.state if self.assessment else ""
        if state in ACTIVE or state == "unknown":
            return True
        said = f"this run is {state}: there is no engine to {command}" if state else "the run is still being read"
        self._say(said, "warning")
        return False

    def _say(self, text: str, severity: str) -> None:
        self.notify(text, severity=severity, markup=False)  # type: ignore[arg-type]
