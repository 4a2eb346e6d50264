"""What is typed beside the text of a recipe: the length of a run, and other values for variables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqa_tui.formatting import short_name
from sqa_tui.launching import STEPS_PER_EPOCH
from sqa_tui.recipe_reading import USUAL_EPOCHS, Question, Reading, VariableView
from sqa_tui.widgets.form_list import FormRow

MOST_EPOCHS = 100_000
MOST_STEPS = 10_000_000
VARIABLE = "$"
"""Begins the name of a variable's row, so that a variable may be called `epochs`."""


@dataclass(frozen=True)
class RecipeFields:
    """Every field as typed; an empty one leaves it to the recipe."""

    epochs: str = ""
    steps: str = ""
    model: str = ""
    """What is looked at besides the recipe; empty for nothing."""
    typed: Mapping[str, str] = field(default_factory=dict[str, str])

    def question(self, text: str, markdown: bool) -> Question:
        """What there is to be read; a field that cannot be taken counts as empty."""
        steps = _number(self.steps, MOST_STEPS)
        return Question(
            text,
            markdown,
            dict(self.typed),
            _number(self.epochs, MOST_EPOCHS),
            STEPS_PER_EPOCH if steps is None else max(round(steps), 1),
            steps is None,
        )

    def value(self, name: str, reading: Reading) -> str:
        """What there is to edit in a row."""
        if name == "epochs":
            return self.epochs or _own_epochs(reading)
        if name == "steps":
            return self.steps or str(STEPS_PER_EPOCH)
        variable = _variable(name, reading)
        return self.typed.get(name.removeprefix(VARIABLE), variable.written if variable else "")

    def with_value(self, name: str, text: str, reading: Reading) -> RecipeFields:
        """These fields with another value; an empty one, or the text's own, takes the typed one away."""
        text = text.strip()
        own = replace(self, typed={}, epochs="", steps="").value(name, reading)
        kept = "" if text == own else text
        if name == "model":
            return replace(self, model=text)
        if name in ("epochs", "steps"):
            return replace(self, **{name: kept})  # pyright: ignore[reportArgumentType]
        variable = name.removeprefix(VARIABLE)
        others = {other: value for other, value in self.typed.items() if other != variable}
        return replace(self, typed={**others, variable: kept} if kept else others)

    def rows(self, reading: Reading, variables: tuple[VariableView, ...], model_note: str = "") -> list[FormRow]:
        """The rows of the form; `model_note` is what is known of the model."""
        model = FormRow("model", "model", short_name(self.model), model_note or "what each pattern selects of it")
        return [self._epochs_row(reading), self._steps_row(), model, *(self._row(variable) for variable in variables)]

    def _epochs_row(self, reading: Reading) -> FormRow:
        wrong = bool(self.epochs) and _number(self.epochs, MOST_EPOCHS) is None
        note = f"a number above 0, at most {MOST_EPOCHS}" if wrong else _about_epochs(self.epochs, reading)
        return FormRow("epochs", "epochs", self.epochs or _own_epochs(reading), note, wrong=wrong)

    def _steps_row(self) -> FormRow:
        wrong = bool(self.steps) and _number(self.steps, MOST_STEPS) is None
        assumed = "" if self.steps else "assumed; the data and batch size decide"
        note = f"a number above 0, at most {MOST_STEPS}" if wrong else assumed
        return FormRow("steps", "steps per epoch", self.steps or str(STEPS_PER_EPOCH), note, wrong=wrong)

    def _row(self, variable: VariableView) -> FormRow:
        typed = self.typed.get(variable.name)
        shown = variable.written if typed is None else typed
        if variable.wrong:
            return FormRow(VARIABLE + variable.name, variable.name, shown, variable.wrong, wrong=True)
        comes_to = f"= {variable.value}" if shown.startswith("eval(") else ""
        was = f"changed; the text has {variable.written}" if typed is not None else ""
        note = "  ".join(part for part in (comes_to, was) if part)
        return FormRow(VARIABLE + variable.name, variable.name, shown, note)


def _variable(name: str, reading: Reading) -> VariableView | None:
    return next((one for one in reading.variables or () if VARIABLE + one.name == name), None)


def _own_epochs(reading: Reading) -> str:
    if reading.own_epochs >= 1:
        return str(reading.own_epochs)
    return "" if reading.errors else f"{USUAL_EPOCHS:g}"


def _about_epochs(typed: str, reading: Reading) -> str:
    if reading.own_epochs < 1:
        return "" if typed or reading.errors else "the recipe has no length"
    return f"the recipe has {reading.own_epochs}" if typed else "the recipe's own"


def _number(text: str, most: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 < value <= most else None
