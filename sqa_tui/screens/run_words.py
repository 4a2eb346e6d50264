"""The sentences of the Run screen: what comes next, what went wrong, what was answered."""

from __future__ import annotations

import textwrap
import time

from engine.runs.evidence import Assessment
from sqa_tui.formatting import size
from sqa_tui.run_view import Alert, Entry, Plan, RunView
from sqa_tui.states import ENDED, RESUMABLE, glyph
from sqa_tui.widgets.axes import number
from sqa_tui.widgets.segments_line import Words
from sqa_tui.widgets.text_pane import TextLine

LEVELS = {"info": "foreground", "good": "success", "warning": "warning", "error": "error"}
"""Theme variable of each level of an entry or alert."""
MARKS = {"info": " ", "good": "✓", "warning": "!", "error": "✗"}
"""A glyph for each level, so that colour is not needed."""

NOTICE_LINES = 3
"""Most lines of an error or of evidence."""
SERIOUS = ("killed", "failed", "unknown", "stalled")
"""States whose evidence must not be overlooked."""
NOTICED = (*SERIOUS, "stopped")
"""States whose evidence has a notice of its own."""


def is_over(view: RunView, assessment: Assessment | None) -> bool:
    """Whether nothing comes any more: by the evidence, or by the run's own last word where no engine starts again."""
    state = assessment.state if assessment else ""
    return state in ENDED or state == "unknown" or (view.ending is not None and state not in ("starting", "queued"))


def next_line(view: RunView, plan: Plan, now: float, over: bool) -> tuple[Words, ...]:
    """What comes next and what is worth knowing now, most wanted first; nothing comes where the run is `over`."""
    damage = _damage(view)
    parts: list[Words] = [(damage, "warning")] if damage else []
    if view.unread:
        parts.append((f"reading the log, {size(view.unread)} left", "mark"))
    if not over:
        # Epochs all of them; the first says so.
        coming = (_next_update(view, plan), _next_phase(view), _next_evaluation(view, plan))
        known = [text for text in coming if text]
        known[:1] = [text if "epoch" in text else text.replace(" at ", " at epoch ") for text in known[:1]]
        parts += [(text, "foreground") for text in known]
    for text in (_rate(view), "" if over else _speed(view), _checkpoint(view, now, over), _export(view)):
        if text:
            parts.append((text, "foreground"))
    return tuple(parts)


def notices(view: RunView, assessment: Assessment | None, width: int) -> list[tuple[Words, ...]]:
    """Lines that must not be overlooked: how it ended and what to do, the evidence of a death, warnings."""
    over = is_over(view, assessment)
    return [*_end(view, assessment, width), *(_all_warnings(view) if over else _newest_warning(view))]


def _end(view: RunView, assessment: Assessment | None, width: int) -> list[tuple[Words, ...]]:
    """Why a run is over or in danger, and how it goes on."""
    state, ending = assessment.state if assessment else "", view.ending
    again = _again(view) if state in RESUMABLE else ""
    if ending and ending.outcome == "failed" and state in ("failed", ""):
        lines = _wrapped(f"✗ failed: {ending.error or ending.reason}", "state-failed", width)
        todo = " · ".join(part for part in (ending.hint, again) if part)
        return [*lines, *_wrapped(f"→ {todo}", "foreground", width)] if todo else lines
    if assessment and (state in SERIOUS or again):
        words = f"{glyph(state)} {state}: {assessment.reason}"
        return _wrapped(f"{words} · {again}" if again else words, f"state-{state}", width)
    return []


def _again(view: RunView) -> str:
    return f"r starts it again {'from its last checkpoint' if view.checkpoint else 'from the beginning'}"


def _newest_warning(view: RunView) -> list[tuple[Words, ...]]:
    serious = _warnings(view)
    if not serious:
        return []
    alert = serious[-1]
    hint: tuple[Words, ...] = ((alert.hint, "foreground"),) if alert.hint else ()
    return [((f"{MARKS[alert.level]} {alert.message}", LEVELS[alert.level]), *hint)]


def _all_warnings(view: RunView) -> list[tuple[Words, ...]]:
    """Everything that was warned of, once each, on one line: it still holds for what the run left behind."""
    messages = list(dict.fromkeys(alert.message for alert in _warnings(view)))
    if len(messages) < 2:
        return _newest_warning(view)
    return [((f"! {len(messages)} warnings: {'; '.join(messages)}", "warning"),)]


def _warnings(view: RunView) -> list[Alert]:
    return [alert for alert in view.alerts if alert.level in ("warning", "error")]


def _wrapped(text: str, colour: str, width: int) -> list[tuple[Words, ...]]:
    lines = textwrap.wrap(text, max(width - 2, 20), max_lines=NOTICE_LINES, placeholder=" …", subsequent_indent="  ")
    return [((line, colour),) for line in lines]


def journal_line(entry: Entry) -> TextLine:
    """An entry of the journal: time of day, glyph and sentence."""
    clock = time.strftime("%H:%M:%S", time.localtime(entry.time))
    prefix = f"{clock} {MARKS.get(entry.level, ' ')} "
    return TextLine(entry.text, LEVELS.get(entry.level, "foreground"), prefix)


def _next_update(view: RunView, plan: Plan) -> str:
    later = next((epoch for epoch in plan.mask_updates if epoch > view.epoch), None)
    return f"mask update at epoch {later:.2f} (in {later - view.epoch:.2f})" if later is not None else ""


def _next_phase(view: RunView) -> str:
    """The next beginning or end of a phase of the recipe."""
    edges = [(phase.start, f"{phase.name} begins") for phase in view.timeline]
    edges += [(phase.end, f"{phase.name} ends") for phase in view.timeline if phase.end != view.total_epochs]
    coming = sorted(edge for edge in edges if edge[0] > view.epoch)
    if not coming:
        return ""
    epoch, what = coming[0]
    return f"{what} at {epoch:g}"


def _next_evaluation(view: RunView, plan: Plan) -> str:
    every, total = plan.evaluation_every, view.total_epochs
    if not every or total is None:
        return ""
    epoch = (view.epoch // every + 1) * every
    return f"evaluation at {min(epoch, total):g}"


def _rate(view: RunView) -> str:
    rate = view.latest("learning_rate")
    return f"lr {number(rate)}" if rate is not None else ""


def _speed(view: RunView) -> str:
    speed = view.latest("samples_per_second")
    return f"{speed:.0f} samples/s" if speed is not None else ""


def _checkpoint(view: RunView, now: float, over: bool) -> str:
    if not view.checkpoint:
        return ""
    if over:
        return f"checkpoint at epoch {view.checkpoint.epoch:.2f}"
    return f"checkpoint {_ago(now - view.checkpoint.time)}"


def _ago(seconds: float) -> str:
    """A length of time in its largest unit: a clock that ticks every second would repaint the line for nothing."""
    for length, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "just now"


def _export(view: RunView) -> str:
    return f"exported {size(view.exported.size_bytes)}" if view.exported else ""


def _damage(view: RunView) -> str:
    bad = f"{view.bad_lines} damaged line{'s' * (view.bad_lines != 1)} in the log" if view.bad_lines else ""
    gap = f"{view.gaps} event{'s' * (view.gaps != 1)} missing" if view.gaps else ""
    found = ", ".join(part for part in (bad, gap) if part)
    return f"! {found}" if found else ""
