"""What can be said of a recipe while it is being written: problems, advice, variables and its course."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import UserError, plain
from engine.recipes.advice import remarks, warnings
from engine.recipes.draft import Draft, read_draft
from engine.recipes.problems import Problem, did_you_mean
from engine.recipes.recipe import Recipe
from engine.recipes.refusals import refusals
from engine.recipes.saved import value_text
from engine.recipes.timeline import Timeline, timeline
from engine.recipes.variables import Variable
from sqa_tui.launching import STEPS_PER_EPOCH
from sqa_tui.recipe_values import arguments_of, typed_value

USUAL_EPOCHS = 3.0
"""The length of a run whose recipe has none: the default of `--num_train_epochs`."""


@dataclass(frozen=True)
class Question:
    """A text and what is assumed of a run by it."""

    text: str
    markdown: bool = False
    typed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Other values of variables, as typed."""
    epochs: float | None = None
    """The length of the run; None: the recipe's own."""
    steps_per_epoch: int = STEPS_PER_EPOCH
    steps_assumed: bool = False
    """Whether nobody has said how many steps an epoch has."""


@dataclass(frozen=True)
class VariableView:
    """A variable, or a name that was given a value and is none."""

    name: str
    written: str
    """What the text says."""
    value: str
    """What it comes to."""
    wrong: str = ""
    """Why the typed value cannot be taken."""


@dataclass(frozen=True)
class Finding:
    """Something at a place of the text; line and column count from 1, 0 where it has none."""

    level: str
    """`error`, `warning` or `note`."""
    line: int
    column: int
    text: str
    hint: str = ""
    length: int = 0
    """How many characters to mark there, 0 where that is not known."""


LEVELS = ("error", "warning", "note")


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors, then warnings, then notes; those of a level stay in their order."""
    return tuple(sorted(findings, key=lambda finding: LEVELS.index(finding.level)))


@dataclass(frozen=True)
class Reading:
    """Everything that is known of one state of a recipe."""

    findings: tuple[Finding, ...] = ()
    """Errors, then warnings, then notes, each in the order of the text."""
    variables: tuple[VariableView, ...] | None = None
    """None where the text is too broken to tell."""
    course: Timeline | None = None
    lines: tuple[int, ...] = ()
    """The line of each of the recipe's modifiers, in running order."""
    own_epochs: int = -1
    """The recipe's own length, -1 where it has none."""
    arguments: str = ""
    """The typed values that can be taken, as `--recipe_args`."""

    @property
    def errors(self) -> int:
        """How many problems keep the recipe from being used."""
        return sum(finding.level == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        """How many things may not be what was meant."""
        return sum(finding.level == "warning" for finding in self.findings)


def read(question: Question) -> Reading:
    """Read a recipe; takes some milliseconds for every hundred lines and raises nothing."""
    base = _draft(question, None)
    values, wrong = _typed(question.typed)
    known = {variable.name for variable in base.variables}
    if known or not base.problems:
        wrong |= {name: _unknown(name, known) for name in question.typed if name not in known}
    untaken = [Finding("error", 0, 0, f"{plain(name)}: {reason}") for name, reason in wrong.items()]
    arguments = {name: value for name, value in values.items() if name in known}
    draft = _draft(question, arguments) if arguments else base
    if draft.problems != base.problems:
        wrong |= _blamed(question, arguments, base)
    taken = {name: value for name, value in arguments.items() if name not in wrong}
    variables = _variables(question, base, draft, wrong)
    recipe = draft.recipe
    course = None if recipe is None else _course(recipe, question)
    return Reading(
        findings=(*untaken, *_findings(draft, question)),
        variables=variables,
        course=course,
        lines=recipe.lines if recipe else (),
        own_epochs=recipe.max_epochs if recipe else -1,
        arguments=arguments_of(taken) if taken else "",
    )


def _draft(question: Question, arguments: Mapping[str, Any] | None) -> Draft:
    return read_draft(question.text, markdown=question.markdown, recipe_args=arguments)


def _typed(typed: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Values, and why the others are none."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, text in typed.items():
        try:
            values[name] = typed_value(text)
        except UserError as error:
            wrong[name] = plain(error.message)
    return values, wrong


def _unknown(name: str, known: set[str]) -> str:
    near = did_you_mean(name, known)
    return f"the recipe has no variable of this name{', ' + near if near else ''}"


def _blamed(question: Question, arguments: Mapping[str, Any], base: Draft) -> dict[str, str]:
    """Values that make a problem by themselves, with that problem."""
    found: dict[str, str] = {}
    for name, value in arguments.items():
        new = [one for one in _draft(question, {name: value}).problems if one not in base.problems]
        if new:
            found[name] = plain(new[0].message)
    return found


def _variables(
    question: Question, base: Draft, draft: Draft, wrong: Mapping[str, str]
) -> tuple[VariableView, ...] | None:
    if base.problems and not base.variables:
        return None
    now = {variable.name: variable for variable in draft.variables}
    views: dict[str, VariableView] = {}
    for variable in base.variables:
        value = now.get(variable.name, variable)
        views.setdefault(variable.name, _view(variable, value, wrong.get(variable.name, "")))
    for name in question.typed:
        views.setdefault(name, VariableView(name, "", "", wrong.get(name, "")))
    return tuple(views.values())


def _view(variable: Variable, now: Variable, wrong: str) -> VariableView:
    return VariableView(variable.name, variable.written or value_text(variable.value), value_text(now.value), wrong)


def _course(recipe: Recipe, question: Question) -> Timeline:
    own = float(recipe.max_epochs) if recipe.max_epochs >= 1 else USUAL_EPOCHS
    steps = question.steps_per_epoch
    return timeline(recipe, steps, max(round(steps * (question.epochs or own)), 1))


def _findings(draft: Draft, question: Question) -> tuple[Finding, ...]:
    recipe = draft.recipe
    if recipe is None:
        errors = [_finding("error", problem) for problem in draft.problems]
        return (*errors, *(_finding("warning", note) for note in draft.notes))
    steps, epochs = None if question.steps_assumed else question.steps_per_epoch, question.epochs
    advice = warnings(recipe, steps_per_epoch=steps, epochs=epochs)
    in_order = sorted(advice, key=lambda problem: (problem.line, problem.column))
    return (
        *(_finding("error", problem) for problem in refusals(recipe, steps_per_epoch=steps, epochs=epochs)),
        *(_finding("warning", problem) for problem in in_order),
        *(_finding("note", problem) for problem in remarks(recipe, epochs=epochs)),
    )


def _finding(level: str, problem: Problem) -> Finding:
    text, hint = plain(problem.message), plain(problem.suggestion)
    return Finding(level, problem.line, problem.column, text, hint, problem.length)
