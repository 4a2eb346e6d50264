"""A recipe: its text with problems at their lines, its variables, and what it does over the epochs, live."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Input, TextArea

from engine.errors import plain
from sqa_tui.actions import bindings_of
from sqa_tui.formatting import cut_middle, short_name
from sqa_tui.recipe_fields import RecipeFields
from sqa_tui.recipe_files import RecipeText
from sqa_tui.recipe_reading import Finding, Reading, VariableView, read
from sqa_tui.screens import recipe_charts
from sqa_tui.screens.recipe_keeping import Take
from sqa_tui.screens.recipe_model import Inspecting
from sqa_tui.screens.recipe_words import PANES, about, course, next_finding, pane_bar, summary, wrong
from sqa_tui.widgets.findings_list import FindingsList
from sqa_tui.widgets.form_list import FormList
from sqa_tui.widgets.key_bar import KeyBar
from sqa_tui.widgets.line_chart import LineChart
from sqa_tui.widgets.lines import Line, Lines, TitleBar
from sqa_tui.widgets.recipe_editor import RecipeEditor

DEBOUNCE_SECONDS = 0.03
"""So long nothing is typed before the text is read: a burst of keys is read once."""
WIDE = 120
"""Columns from which every pane has a place of its own."""


class RecipeScreen(Inspecting):
    """Edits one text. A thread reads it after every change; a reading that was overtaken is dropped."""

    CSS_PATH = "recipe.tcss"
    BINDINGS = bindings_of("recipe")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
    AUTO_FOCUS = "#text"

    def __init__(
        self, document: RecipeText, fields: RecipeFields | None = None, take: Take | None = None, *, model: str = ""
    ) -> None:
        """Show `document` with `fields` typed.

        `take` is given the recipe when it is to be used; `model` is offered where one may be named.
        """
        super().__init__(document, fields or RecipeFields(), take)
        self._offered_model = model
        self.reading: Reading | None = None
        self.pane = ""
        self._variables: tuple[VariableView, ...] = ()
        self._edited: str | None = None
        """The row whose value is being typed."""
        self._before_edit = self.fields

    def compose(self) -> ComposeResult:
        yield TitleBar("Recipe")
        with Container(id="body"):
            with Container(id="left"):
                yield RecipeEditor(id="text")
                yield Lines(id="message")
            with Container(id="right"):
                yield Lines(id="bar")
                yield from recipe_charts.charts()
                with Container(id="values") as values:
                    values.border_title = Content("values")
                    yield FormList(id="fields")
                    typed = Input(id="value", compact=True, select_on_focus=False)
                    typed.cursor_blink = False
                    typed.display = False
                    yield typed
                problems = FindingsList(id="problems")
                problems.border_title = Content("problems")
                yield problems
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(RecipeEditor).load_text(self.document.text)
        self.saved_text = self.text
        self._show_pane("sparsity")
        self._show_title()

    @property
    def text(self) -> str:
        """The text as it stands in the editor."""
        return self.query_one(RecipeEditor).text

    # reading

    @on(TextArea.Changed, "#text")
    def _changed(self) -> None:
        self._read()

    @work(exit_on_error=False, exclusive=True, group="read")
    async def _read(self) -> None:
        # Being exclusive it is cancelled by the next change, and what its thread still finds goes nowhere.
        await asyncio.sleep(DEBOUNCE_SECONDS if self.reading else 0)
        question = self.fields.question(self.text, self.document.markdown)
        self._take(await asyncio.to_thread(read, question))

    def _take(self, reading: Reading) -> None:
        first = self.reading is None
        if reading.course is None and self.reading is not None:
            reading = replace(reading, own_epochs=self.reading.own_epochs)
        self.reading = reading
        if reading.variables is not None:
            self._variables = reading.variables
        self.inspect_soon()
        with self.app.batch_update():
            recipe_charts.show(self.query(LineChart), reading)
            if first and reading.errors:
                self._show_pane("problems")
            self.show_findings()

    def show_findings(self) -> None:
        findings = self.shown.findings
        self.query_one(RecipeEditor).mark(findings)
        problems = self.query_one(FindingsList)
        problems.show(findings, "no problems, nothing to mention")
        problems.border_title = Content(" · ".join(part for part in ("problems", plain(self.model_note)) if part))
        self._show_values()
        self._show_title()
        self._show_message()
        self._show_bar()

    def _show_values(self) -> None:
        if self.reading:
            rows = self.fields.rows(self.reading, self._variables, plain(self.model_note))
            self.query_one(FormList).show(rows)

    def _show_title(self) -> None:
        right = summary(self.shown, self.changed) if self.reading else ()
        room = self.size.width - sum(len(piece.text) for piece in right) - len(" sqa-tui  Recipe    ")
        name = self.document.origin or short_name(self.document.source) or "new"
        self.query_one(TitleBar).show(right, f"Recipe  {cut_middle(name, max(room, 0))}")

    def _show_message(self) -> None:
        message = self.query_one("#message", Lines)
        message.show(self._message(max(message.content_size.width, 40)))

    def _message(self, width: int) -> list[Line]:
        """Why the value being typed is none, what is wrong at the caret, or what the recipe does."""
        row = self.query_one(FormList).selected if self._edited else None
        if row and row.wrong:
            return wrong(row.note, width)
        finding = self.query_one(RecipeEditor).finding_at_cursor()
        return about(finding, width) if finding else course(self.shown) if self.reading else []

    def _show_bar(self) -> None:
        self.query_one("#bar", Lines).show([pane_bar(self.pane, self.shown)])

    @on(TextArea.SelectionChanged, "#text")
    def _moved(self) -> None:
        self._show_message()

    def on_resize(self, _event: events.Resize) -> None:
        self._show_title()

    # panes

    def _show_pane(self, name: str) -> None:
        """Show a pane where they share one place."""
        self.pane = name
        for other in PANES:
            self.set_class(other == name, f"-pane-{other}")
        self._show_bar()

    def action_pane(self) -> None:
        if self.size.width >= WIDE:
            self.focus_next()
            return
        names = list(PANES)
        in_text = isinstance(self.focused, (TextArea, type(None)))
        self._show_pane(names[(names.index(self.pane) + 1) % len(names)])
        if not in_text:
            self._focus_pane()

    def _focus_pane(self) -> None:
        place = {"values": "fields"}.get(self.pane, self.pane)
        self.query_one(f"#{place}").focus()

    def action_values(self) -> None:
        """Go to the values, and from there back to the text."""
        if self.query_one(FormList).has_focus:
            self.query_one(RecipeEditor).focus()
        else:
            self._show_pane("values")
            self.query_one(FormList).focus()

    @on(LineChart.CrosshairMoved)
    def _move_crosshairs(self, message: LineChart.CrosshairMoved) -> None:
        for chart in self.query(LineChart):
            chart.set_crosshair(message.x)

    # problems

    def action_next_problem(self) -> None:
        row, column = self.query_one(RecipeEditor).cursor_location
        found = next_finding(self.shown.findings, row + 1, column + 1)
        if found is None:
            self.notify("No problem has a place in the text", markup=False)
        else:
            self._go_to(found)

    @on(FindingsList.Chosen)
    def _choose_finding(self, message: FindingsList.Chosen) -> None:
        self._go_to(message.finding)

    def _go_to(self, finding: Finding) -> None:
        editor = self.query_one(RecipeEditor)
        self.query_one(FindingsList).select(finding)
        if finding.line:
            editor.go_to(finding.line, finding.column, finding.length)
            editor.focus()

    # values

    def action_change(self) -> None:
        """Enter: edit the selected value, or go to the selected problem."""
        problems = self.query_one(FindingsList)
        if problems.has_focus and problems.selected:
            self._go_to(problems.selected)
        elif self.query_one(FormList).has_focus:
            self._edit()

    @on(FormList.Chosen)
    def _edit(self) -> None:
        fields, typed = self.query_one(FormList), self.query_one("#value", Input)
        if self.reading is None or not fields.rows:
            return
        row = fields.selected
        if row.name == "model":
            self._change_model()
            return
        self._edited, self._before_edit = row.name, self.fields
        with typed.prevent(Input.Changed):
            typed.value = self.fields.value(row.name, self.reading)
        typed.cursor_position = len(typed.value)
        typed.display = True
        typed.focus()
        self.query_one("#values").border_title = Content(f"{row.label}: Enter takes it, Esc leaves it as it was")

    @work(exit_on_error=False, exclusive=True, group="change")
    async def _change_model(self) -> None:
        model = await self.ask_model(self._offered_model)
        if model is not None and self.reading:
            self._set_fields(self.fields.with_value("model", model, self.reading))

    @on(Input.Changed, "#value")
    def _typing(self, event: Input.Changed) -> None:
        if self._edited and self.reading:
            self._set_fields(self.fields.with_value(self._edited, event.value, self.reading))

    @on(Input.Submitted, "#value")
    def _end_edit(self) -> None:
        self._edited = None
        typed = self.query_one("#value", Input)
        typed.display = False
        self._show_message()
        self.query_one("#values").border_title = Content("values")
        self.query_one(FormList).focus()

    def _set_fields(self, fields: RecipeFields) -> None:
        self.fields = fields
        self._show_values()
        self._show_title()
        self._read()

    def action_reset(self) -> None:
        fields = self.query_one(FormList)
        if self.reading and fields.rows:
            self._set_fields(self.fields.with_value(fields.selected.name, "", self.reading))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "reset":
            return bool(self.query("#fields:focus"))
        if action == "change":
            return bool(self.query("#fields:focus, #problems:focus"))
        return True

    # leaving

    def action_back(self) -> None:
        """Leave a value as it was, then the text, then the screen."""
        if self._edited:
            self._end_edit()
            self._set_fields(self._before_edit)
        elif isinstance(self.focused, TextArea):
            self._focus_pane() if self.size.width < WIDE else self.query_one(FormList).focus()
        else:
            self.leave()
