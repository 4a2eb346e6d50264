"""What the Recipe screen says of a recipe in a few words."""

from __future__ import annotations

from collections.abc import Sequence

from sqa_tui.formatting import counted, wrapped
from sqa_tui.recipe_reading import Finding, Reading
from sqa_tui.widgets.lines import Line, Piece
from sqa_tui.widgets.recipe_editor import SIGNS

PANES = {
    "problems": "problems",
    "sparsity": "sparsity",
    "rate": "learning rate",
    "switches": "QAT, teacher",
    "values": "values",
}
"""The panes in the order in which a key walks through them, with what the bar calls them."""


def summary(reading: Reading, changed: bool) -> Line:
    """The right end of the title."""
    pieces = [Piece("changed  ", "mark")] if changed else []
    if reading.errors:
        pieces.append(Piece(f"✗ {counted(reading.errors, 'problem')}", "state-failed", bold=True))
    if reading.warnings:
        pieces += [
            Piece("  " if reading.errors else ""),
            Piece(f"! {counted(reading.warnings, 'warning')}", "state-stalled"),
        ]
    if not reading.errors and not reading.warnings:
        pieces.append(Piece("✓ no problems", "state-finished"))
    return tuple(pieces)


def about(finding: Finding, width: int) -> list[Line]:
    """A finding on two lines of `width` cells; what the second has no room for is cut there, with a sign of it."""
    place = f"{finding.line}:{finding.column} " if finding.line else ""
    text = ", ".join(part for part in (finding.text, finding.hint) if part)
    return _signed(finding.level, place, text, width)


def wrong(reason: str, width: int) -> list[Line]:
    """Why a value cannot be taken."""
    return _signed("error", "", reason, width)


def _signed(level: str, place: str, text: str, width: int) -> list[Line]:
    sign, colour = SIGNS[level]
    first, *rest = wrapped(text, width - len(place) - 2)
    indent = " " * (len(place) + 2)
    head = (Piece(f"{sign} ", colour, bold=True), Piece(place, "muted"), Piece(first))
    return [head, (Piece(indent + " ".join(rest)),)] if rest else [head]


def course(reading: Reading) -> list[Line]:
    """What a recipe does, on two lines."""
    if reading.errors:
        return [(Piece(f"✗ {counted(reading.errors, 'problem')}: F3 goes to the next one", "muted"),)]
    if reading.course is None:
        return []
    modifiers = counted(len(reading.lines), "modifier")
    phases = [f"{phase.name} {phase.start_epoch:g} – {phase.end_epoch:g}" for phase in reading.course.phases]
    first = f"{modifiers} over {reading.course.total_epochs:g} epochs"
    return [(Piece(first, "muted"),), (Piece("   ".join(phases), "muted"),)]


def pane_bar(current: str, reading: Reading) -> Line:
    """The names of the panes that share one place."""
    pieces = [Piece("F6 ", "muted")]
    for name, label in PANES.items():
        count = reading.errors + reading.warnings if name == "problems" else 0
        text = f"{label} {count}" if count else label
        colour = "state-failed" if name == "problems" and reading.errors else "foreground"
        shown = name == current
        pieces.append(Piece(f" {'▸' if shown else ' '}{text} ", colour if shown or count else "muted", bold=shown))
    return tuple(pieces)


def next_finding(findings: Sequence[Finding], line: int, column: int) -> Finding | None:
    """The first finding with a place after this one, then again from the top; errors before anything else."""
    placed = [finding for finding in findings if finding.line and finding.level != "note"]
    errors = [finding for finding in placed if finding.level == "error"]
    in_order = sorted(errors or placed, key=lambda finding: (finding.line, finding.column))
    after = [finding for finding in in_order if (finding.line, finding.column) > (line, column)]
    return next(iter(after or in_order), None)
