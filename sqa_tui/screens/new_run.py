"""Prepare a run: every choice with what was found about it, the recipe's course, checks, and the equivalent command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from engine.errors import UserError, plain
from sqa_tui.actions import bindings_of
from sqa_tui.formatting import short_name
from sqa_tui.launching import Check, Launched, checks, launch, recipe_timeline
from sqa_tui.recipe_files import ChosenRecipe
from sqa_tui.run_form import Preset, RunChoices, presets
from sqa_tui.screens import new_run_choices
from sqa_tui.screens.base import BaseScreen
from sqa_tui.screens.checks import ChecksScreen
from sqa_tui.screens.pick import Choice, PickScreen, pick
from sqa_tui.widgets.checks_pane import ChecksPane
from sqa_tui.widgets.form_list import FormList, FormRow
from sqa_tui.widgets.key_bar import KeyBar
from sqa_tui.widgets.lines import TitleBar
from sqa_tui.widgets.timeline_pane import TimelinePane, TimelineView

Launcher = Callable[[Sequence[str], str], Launched]

FIELDS = {
    "model": ("model", "a folder, a zoo: stub or a Hugging Face id"),
    "recipe": ("recipe", "a file (.yaml, .md) or a zoo: stub"),
    "variables": ("variables", "name=value,name=value for the recipe"),
    "teacher": ("teacher", "a folder, a zoo: stub or a Hugging Face id"),
    "dataset": ("data", "a data set's name, or a file of training questions"),
    "evaluate_on": ("evaluate on", "a file of questions; empty: the data set's own"),
    "epochs": ("epochs", "a number; empty: the recipe's own"),
    "arguments": ("arguments", "further flags, as --max_seq_length 128 --seed 7"),
    "output": ("output", "a folder; empty: in the run's directory"),
}
"""Fields that hold text: label, and what may be typed."""

CHOICES: dict[str, Callable[[], list[Choice]]] = {
    "model": new_run_choices.model_choices,
    "recipe": new_run_choices.recipe_choices,
    "teacher": new_run_choices.teacher_choices,
    "dataset": new_run_choices.data_choices,
}
EMPTY_MEANS = {
    "recipe": "dense training",
    "evaluate_on": "the data set's own questions",
    "epochs": "the recipe's own number",
    "output": "in the run's directory",
}
DESCRIBED = ("model", "recipe", "teacher")


class NewRunScreen(BaseScreen[None]):
    """The form is filled with the demo when it opens, so that Enter, Enter starts it."""

    CSS_PATH = "new_run.tcss"
    BINDINGS = bindings_of("new_run")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    AUTO_FOCUS = "#form"

    def __init__(self, launcher: Launcher = launch, *, choices: RunChoices | None = None) -> None:
        super().__init__()
        self._launcher = launcher
        given = (Preset("As chosen", "what was chosen on another screen", choices),) if choices else ()
        self._presets = (*given, *presets())
        self._preset = 0
        self.choices = self._presets[0].choices
        self._notes: dict[str, str] = {}
        self._checks: list[Check] | None = None
        self._starting = False

    def compose(self) -> ComposeResult:
        yield TitleBar("New run")
        with Container(id="body"):
            with Container(id="left"):
                yield FormList(id="form")
            with Container(id="right"):
                timeline = TimelinePane(id="timeline")
                timeline.border_title = Content("what the recipe does")
                yield timeline
                found = ChecksPane(id="checks")
                found.border_title = Content("checks")
                yield found
        command = Static("", id="command", markup=False)
        command.border_title = Content("the same on the command line: y copies it")
        yield command
        yield KeyBar()

    def on_mount(self) -> None:
        self._chosen()

    # the form

    def _chosen(self) -> None:
        """Show the choices and look at them: what is known, what the recipe does, what is wrong."""
        self._checks = None
        self._show_form()
        self.query_one("#command", Static).update(f"$ {plain(self.choices.command())}")
        self.query_one(ChecksPane).show(None)
        self._look()

    def _show_form(self) -> None:
        preset = self._presets[self._preset]
        rows = [FormRow("preset", "start from", preset.label, preset.note)]
        rows += [self._row(name, label) for name, (label, _) in FIELDS.items()]
        exported = FormRow("export", "export", "yes" if self.choices.export else "no", "to ONNX when it is finished")
        rows[-1:] = [exported, rows[-1]]
        rows.append(FormRow("start", "▶ Start", "", self._verdict(), button=True))
        self.query_one(FormList).show(rows)

    def _row(self, name: str, label: str) -> FormRow:
        value = getattr(self.choices, name)
        if name in DESCRIBED and value:
            return FormRow(name, label, short_name(value), self._notes.get(value, ""))
        return FormRow(name, label, value, "" if value else EMPTY_MEANS.get(name, ""))

    def _verdict(self) -> str:
        if self._checks is None:
            return "checking …"
        errors = sum(check.level == "error" for check in self._checks)
        return f"{errors} to mend first" if errors else "Enter starts it; the run goes on without this app"

    def action_change(self) -> None:
        name = self.query_one(FormList).selected.name
        if name == "preset":
            self.query_one(FormList).select("start")
        elif name == "start":
            self.action_start()
        elif name == "export":
            self._set(export=not self.choices.export)
        else:
            self._change(name)

    def action_next(self) -> None:
        self._use_preset(self._preset + 1)

    def action_previous(self) -> None:
        self._use_preset(self._preset - 1)

    def _use_preset(self, number: int) -> None:
        self._preset = number % len(self._presets)
        self.choices = self._presets[self._preset].choices
        self._chosen()

    @work(exit_on_error=False, exclusive=True, group="change")
    async def _change(self, name: str) -> None:
        label, free = FIELDS[name]
        current = getattr(self.choices, name)
        read = CHOICES.get(name)
        taken = await pick(
            self.app,
            read or (lambda: []),
            lambda found: PickScreen(label, found, current=current, free=free, edit=read is None),
        )
        if taken is not None:
            self._set(**{name: taken})

    def action_recipe(self) -> None:
        """View and edit the recipe; where there is none, choose one."""
        form = self.choices
        self.app.open_recipe(form.recipe or None, recipe_args=form.variables, model=form.model, take=self._take_recipe)

    def _take_recipe(self, chosen: ChosenRecipe) -> None:
        self._set(recipe=chosen.source, variables=chosen.arguments)

    def action_zoo(self) -> None:
        """Choose model, recipe or teacher in the Zoo."""
        self.app.open_zoo(lambda fields: self._set(**fields))

    def _set(self, **fields: str | bool) -> None:
        self.choices = replace(self.choices, **fields)  # pyright: ignore[reportArgumentType]
        self._chosen()

    # what is found about it

    @work(exit_on_error=False, exclusive=True, group="look")
    async def _look(self) -> None:
        choices = self.choices
        sources = [getattr(choices, name) for name in DESCRIBED]
        self._notes.update(await asyncio.to_thread(_describe, sources))
        view = await asyncio.to_thread(_timeline, choices)
        self.query_one(TimelinePane).show(view)
        self._show_form()
        await self._check(choices)

    async def _check(self, choices: RunChoices) -> list[Check]:
        found = await asyncio.to_thread(_checks, choices)
        if choices == self.choices and self.is_mounted:
            self._checks = found
            self.query_one(ChecksPane).show(found)
            self.set_class(any(check.level in ("error", "warning") for check in found), "-wrong")
            self._show_form()
        return found

    # start

    def action_start(self) -> None:
        """Start the run; asked again while it starts, nothing more happens."""
        if not self._starting:
            self._starting = True
            self._start()

    @work(exit_on_error=False, group="start")
    async def _start(self) -> None:
        # A thread cannot be cancelled: whatever began to start a run has to come to its end.
        started = False
        try:
            started = await self._check_and_start()
        finally:
            self._starting = started

    async def _check_and_start(self) -> bool:
        """True once the run was started; then this screen is about to go."""
        choices = self.choices
        found = self._checks if self._checks is not None else await self._check(choices)
        errors = [check for check in found if check.level == "error"]
        if errors:
            self.notify(f"Not started: {errors[0].text}", severity="error", markup=False)
            return False
        launched = await asyncio.to_thread(self._launcher, choices.argv(), choices.slug())
        self.app.adopt(launched)
        self.dismiss()
        self.app.open_run(launched.directory.path)
        return True

    @on(FormList.Chosen)
    def _clicked(self) -> None:
        self.action_change()

    def action_checks(self) -> None:
        """Show every finding on the whole screen."""
        if self._checks is not None:
            self.app.push_screen(ChecksScreen(self._checks))

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self.choices.command())
        self.notify("The command is on the clipboard of your terminal", markup=False)

    def action_back(self) -> None:
        self.dismiss()


def _describe(sources: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for source in sources:
        try:
            found[source] = new_run_choices.describe(source)
        except UserError:
            found[source] = ""
    return found


def _timeline(choices: RunChoices) -> TimelineView:
    if not choices.recipe:
        return TimelineView(None, "no recipe: nothing is pruned, quantised or distilled")
    try:
        return TimelineView(recipe_timeline(choices.recipe, choices.variables))
    except UserError:
        return TimelineView(None, "the recipe cannot be read: see the checks")


def _checks(choices: RunChoices) -> list[Check]:
    try:
        return checks(choices.argv(), choices.recipe, choices.variables)
    except UserError as error:
        return [Check("error", plain(error.message), plain(error.hint))]
