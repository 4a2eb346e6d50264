"""What happened in a run, one sentence an event; metrics, layers and heartbeats are no news."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from sqa_tui.formatting import duration, size
from sqa_tui.run_view import Entry
from sqa_tui.watchers.fields import Event, finite, mapping, text, whole

TOLD_BY_RESULT = ("evaluate", "checkpoint", "export")
"""Phases whose end is told by an event with their result."""


def entry_of(event: Event) -> Entry | None:
    """The sentence for an event, or None where it is no news."""
    tell = _TELLERS.get(event.get("kind", ""))
    return tell(event) if tell else None


def _entry(event: Event, said: str, level: str = "info") -> Entry:
    return Entry(finite(event.get("t")) or 0.0, level, said)


def _start(event: Event) -> Entry:
    steps, epochs = whole(event.get("total_steps")), finite(event.get("total_epochs"))
    device = text(event.get("device"), 40)
    return _entry(event, f"start: {steps or '?'} steps in {epochs or 0:g} epochs on {device or 'unknown device'}")


def _phase(event: Event) -> Entry | None:
    leaves = event.get("action") == "leave"
    if leaves and event.get("phase") in TOLD_BY_RESULT:
        return None
    words = text(event.get("text"), 200)
    said = f"{text(event.get('phase'), 40)} {'ended' if leaves else 'began'}"
    return _entry(event, f"{said}: {words}" if words and not leaves else said)


def _evaluation(event: Event) -> Entry:
    f1, exact_match = finite(event.get("f1")), finite(event.get("exact_match"))
    parts = [f"F1 {f1:.2f}" if f1 is not None else "", f"EM {exact_match:.2f}" if exact_match is not None else ""]
    samples, seconds = whole(event.get("samples")), finite(event.get("seconds"))
    measured = ", ".join(part for part in (f"{samples:,} questions" if samples else "", duration(seconds)) if part)
    recovery = finite(event.get("recovery"))
    parts.append(f"{recovery * 100:.1f} % of the teacher" if recovery is not None else "")
    said = "  ".join(part for part in parts if part)
    return _entry(event, f"evaluation: {said}" + (f"  ({measured})" if measured else ""), "good")


def _checkpoint(event: Event) -> Entry:
    name, reason = PurePath(text(event.get("path"))).name, text(event.get("reason"), 100)
    return _entry(event, f"checkpoint {name}" + (f" ({reason})" if reason else ""))


def _export(event: Event) -> Entry:
    difference, tolerance = finite(event.get("difference")), finite(event.get("tolerance"))
    parity = f", differs from torch by {difference:.1e}" if difference is not None else ""
    allowed = f" (allowed {tolerance:.0e})" if parity and tolerance is not None else ""
    return _entry(
        event, f"exported {text(event.get('path'))}, {size(whole(event.get('size_bytes')))}{parity}{allowed}", "good"
    )


def _alert(event: Event) -> Entry:
    level, hint = text(event.get("level"), 20) or "info", text(event.get("hint"))
    return _entry(event, text(event.get("message")) + (f" — {hint}" if hint else ""), level)


def _control(event: Event) -> Entry:
    accepted = event.get("accepted") is True
    said = f"{text(event.get('command'), 40)}: {'accepted' if accepted else 'refused'}"
    words = text(event.get("message"))
    return _entry(event, f"{said}, {words}" if words else said, "info" if accepted else "warning")


def _exit(event: Event) -> Entry:
    outcome, reason = text(event.get("outcome"), 40), text(event.get("reason"))
    message = text(mapping(event.get("error")).get("message"))
    said = ": ".join(part for part in (outcome, message or reason) if part)
    return _entry(event, said, {"finished": "good", "failed": "error"}.get(outcome, "warning"))


_TELLERS: dict[str, Callable[[Event], Entry | None]] = {
    "start": _start,
    "phase": _phase,
    "eval": _evaluation,
    "checkpoint": _checkpoint,
    "export": _export,
    "alert": _alert,
    "control": _control,
    "exit": _exit,
}
