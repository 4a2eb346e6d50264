"""Summaries of runs as rows for the list: every text made plain, every number ready to be shown."""

from __future__ import annotations

import time

from engine.errors import plain
from engine.runs.evidence import Assessment
from engine.runs.listing import RunSummary, SpecBrief
from engine.runs.paths import RunDirectory
from engine.runs.state import RunState
from sqa_tui.formatting import duration, short_name
from sqa_tui.states import ACTIVE
from sqa_tui.widgets.run_list import RunRow


def row_of(run: RunSummary) -> RunRow:
    """One run as the list shows it."""
    name = plain(RunDirectory(run.path).slug)
    state = run.state
    description = _description(run)
    if state.alert:
        description = (f"! {plain(state.alert)}", *description)
    return RunRow(
        id=run.id,
        path=run.path,
        name=name,
        state=run.assessment.state,
        reason=plain(run.problem or useful_reason(run.assessment, state)),
        progress=_progress(state),
        sparsity=state.sparsity,
        f1=state.f1,
        recovery=state.recovery,
        time=_time(state, run.assessment.state),
        losses=tuple(state.loss_tail),
        description=description,
        search=" ".join((name, run.id, run.assessment.state, *description)).lower(),
    )


def useful_reason(assessment: Assessment, state: RunState | None) -> str:
    """The evidence of a run that goes on with what changes first: what it does, how old its last event is, its lock."""
    proof, _, age = assessment.reason.rpartition("; ")
    if assessment.state not in ACTIVE or not proof.startswith("lock"):
        return assessment.reason
    doing = state.text if state and assessment.state == "starting" else ""
    return "; ".join(part for part in (plain(doing or ""), age, proof) if part)


def _progress(state: RunState) -> float | None:
    if not state.total_steps or state.step is None:
        return None
    return min(state.step / state.total_steps, 1.0)


def _time(state: RunState, judged: str) -> str:
    if judged in ACTIVE:
        left = duration(state.eta_seconds)
        return f"ETA {left}" if left else ""
    if state.started is None or state.last_event_at is None:
        return ""
    return duration(state.last_event_at - state.started)


def _description(run: RunSummary) -> tuple[str, ...]:
    brief = run.spec_brief
    return (_choices(brief), _data(brief)) if brief else (plain(str(run.path)),)


def _choices(brief: SpecBrief) -> str:
    recipe = short_name(brief.recipe) if brief.recipe else "no recipe: dense training"
    teacher = f" · teacher {short_name(brief.teacher)}" if brief.teacher else ""
    return plain(f"{short_name(brief.model)} → {recipe}{teacher}")


def _data(brief: SpecBrief) -> str:
    created = time.strftime("%Y-%m-%d %H:%M", time.localtime(brief.created))
    return plain(f"data {brief.dataset or 'not named'} · made {created} on {brief.host}")


def count_states(rows: tuple[RunRow, ...]) -> list[tuple[str, int]]:
    """How many runs are in each state that still goes on."""
    found = [row.state for row in rows if row.state in ACTIVE]
    return [(state, found.count(state)) for state in dict.fromkeys(found)]
