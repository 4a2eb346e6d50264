"""What a recipe does to a certain model, as findings at the places of its modifiers."""

from __future__ import annotations

from engine.errors import plain
from engine.recipes.inspection import Inspection, Pattern, Selection, Zeros
from sqa_tui.formatting import percent
from sqa_tui.recipe_reading import Finding


def findings_of(seen: Inspection) -> tuple[Finding, ...]:
    """What is wrong with the recipe for this model, then what each modifier selects of it."""
    wrong = [
        Finding(item.level, item.line, item.column, plain(item.message), plain(item.suggestion), item.length)
        for item in seen.findings
    ]
    return (*wrong, *(note for selection in seen.selections for note in _notes(selection)))


def summary(seen: Inspection) -> str:
    """How sparse the model gets."""
    parts = {"pruned": seen.pruned, "all": seen.overall}
    said = [f"{percent(_then(part))} of {name}" for name, part in parts.items() if _then(part) is not None]
    return f"zeros in {' and '.join(said)} weights" if said else seen.architecture


def _then(part: Zeros) -> float | None:
    return None if part.then is None or not part.weights else part.then / part.weights


def _notes(selection: Selection) -> list[Finding]:
    aim = f", {percent(selection.left)} zero in the end" if selection.left is not None else ""
    together = ", one threshold" if selection.together else ""
    text = f"{selection.modifier} acts on {_counted(len(selection.parameters), selection.weights)}{aim}{together}"
    head = Finding("note", selection.line, selection.column, text)
    patterns = selection.patterns if len(selection.patterns) > 1 else ()
    return [head, *(Finding("note", selection.line, selection.column, _pattern(pattern)) for pattern in patterns)]


def _pattern(pattern: Pattern) -> str:
    return f"  {_counted(pattern.parameters, pattern.weights)}: {plain(pattern.text)}"


def _counted(parameters: int, weights: int) -> str:
    return f"{parameters} parameter{'' if parameters == 1 else 's'}, {weights:,} weights"
