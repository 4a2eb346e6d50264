"""Events in, a frozen view out."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqa_tui.run_view import Phase, RunView
from sqa_tui.watchers.journal import entry_of
from sqa_tui.watchers.reducer import RunReducer

START = {
    "kind": "start", "t": 100.0, "step": 0, "epoch": 0.0, "total_steps": 300, "steps_per_epoch": 10,
    "total_epochs": 30.0, "device": "cpu", "timeline": [{"name": "prune", "start_epoch": 2.0, "end_epoch": 18.0}],
}  # fmt: skip


def view_of(*events: dict[str, Any]) -> RunView:
    reducer = RunReducer()
    reducer.take(events)
    return reducer.view()


def metric(step: int, **fields: object) -> dict[str, Any]:
    return {"kind": "metric", "t": 100.0 + step, "step": step, "epoch": step / 10, **fields}


def test_where_the_run_is_and_what_it_will_be() -> None:
    view = view_of(START, metric(20, loss=2.0), metric(30, loss=1.5))
    assert (view.step, view.epoch, view.total_steps, view.total_epochs) == (30, 3.0, 300, 30.0)
    assert view.progress == pytest.approx(0.1)
    assert view.timeline == (Phase("prune", 2.0, 18.0),)
    assert (view.device, view.events, view.last_time) == ("cpu", 3, 130.0)


def test_every_metric_becomes_a_curve_over_epochs() -> None:
    view = view_of(START, metric(10, loss=2.0, sparsity=0.1), metric(20, loss=1.0, foreign=3.0))
    assert [view.curves["loss"][place] for place in range(2)] == [(1.0, 2.0), (2.0, 1.0)]
    assert view.latest("sparsity") == 0.1
    assert view.latest("learning_rate") is None
    assert "foreign" not in view.curves


def test_epochs_are_worked_out_from_steps_where_an_event_has_none() -> None:
    view = view_of(START, {"kind": "metric", "t": 1.0, "step": 15, "loss": 1.0})
    assert view.curves["loss"][0] == (1.5, 1.0)


def test_numbers_that_are_none_are_written_as_words() -> None:
    view = view_of(START, metric(10, loss="nan"), metric(20, loss="inf"), metric(30, loss="-inf"), metric(40, loss="x"))
    values = list(view.curves["loss"].track.ys)
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]


def test_the_extremes_of_merged_reports_are_seen() -> None:
    view = view_of(START, metric(10, loss=2.0, loss_min=1.0, loss_max=9.0))
    assert (min(view.curves["loss"].track.ys), max(view.curves["loss"].track.ys)) == (1.0, 9.0)
    assert view.latest("loss") == 2.0


def test_a_view_does_not_change_when_more_is_read() -> None:
    reducer = RunReducer()
    reducer.take([START, metric(10, loss=2.0)])
    before = reducer.view()
    reducer.take([metric(20, loss=1.0), {"kind": "layer", "name": "a", "sparsity": 0.5}])
    assert len(before.curves["loss"]) == 1
    assert before.layers == ()
    assert reducer.view().layers[0].name == "a"
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.step = 3  # type: ignore[misc]


def test_evaluations_with_the_teacher() -> None:
    evaluation = {"kind": "eval", "epoch": 3.0, "exact_match": 79.4, "f1": 86.9, "samples": 10570, "seconds": 41.0,
                  "teacher_f1": 88.54, "recovery": 0.9815}  # fmt: skip
    view = view_of(START, evaluation)
    assert view.evaluations[0].f1 == 86.9
    assert view.evaluations[0].recovery == 0.9815
    assert (view.teacher_f1, view.latest("f1"), view.latest("exact_match")) == (88.54, 86.9, 79.4)


def test_layers_keep_their_history_and_their_newest_values() -> None:
    layer = {"kind": "layer", "name": "bert.encoder.layer.0.output.dense.weight", "shape": [4, 4]}
    view = view_of(
        START,
        {**layer, "epoch": 2.0, "sparsity": 0.2, "target": 0.25, "quantised": False},
        {**layer, "epoch": 3.0, "sparsity": 0.4, "target": 0.45, "quantised": True},
    )
    (found,) = view.layers
    assert (found.shape, found.sparsity, found.target, found.quantised) == ((4, 4), 0.4, 0.45, True)
    assert found.history.before(2.5) == (2.0, 0.2)


def test_phases_are_entered_and_left() -> None:
    enter = {"kind": "phase", "phase": "train", "action": "enter"}
    evaluate = {"kind": "phase", "phase": "evaluate", "action": "enter"}
    leave = {"kind": "phase", "phase": "evaluate", "action": "leave"}
    assert view_of(START, enter, evaluate).open_phases == ("train", "evaluate")
    assert view_of(START, enter, evaluate, leave).open_phases == ("train",)


def test_a_failure_says_what_and_what_to_do() -> None:
    error = {"type": "UserError", "message": "no such folder: /nowhere", "hint": "check the path", "usage": True}
    ending = view_of(START, {"kind": "exit", "outcome": "failed", "reason": "bad input", "error": error}).ending
    assert ending is not None
    assert (ending.outcome, ending.error, ending.hint) == ("failed", "no such folder: /nowhere", "check the path")
    defect = {"type": "ZeroDivisionError", "message": "division by zero", "hint": "", "usage": False}
    ending = view_of(START, {"kind": "exit", "outcome": "failed", "error": defect}).ending
    assert ending is not None
    assert ending.error == "ZeroDivisionError: division by zero"


def test_an_engine_that_starts_again_has_no_ending() -> None:
    assert view_of(START, {"kind": "exit", "outcome": "stopped"}, START).ending is None


def test_foreign_text_cannot_reach_the_terminal_as_it_is() -> None:
    view = view_of({"kind": "alert", "level": "warning", "message": "bell \x07 and \x1b[31mred", "hint": "a\nb"})
    assert "\x1b" not in view.alerts[0].message + view.journal[0].text
    assert "\x07" not in view.alerts[0].message
    assert view.alerts[0].hint == "a b"


def test_the_journal_tells_what_happened_but_no_figures_of_training() -> None:
    view = view_of(
        START,
        metric(10, loss=1.0),
        {"kind": "heartbeat", "t": 1.0},
        {"kind": "eval", "exact_match": 79.4, "f1": 86.91, "samples": 10570, "seconds": 41, "recovery": 0.982},
        {"kind": "phase", "phase": "evaluate", "action": "leave"},
        {"kind": "checkpoint", "path": "/runs/1/output/checkpoint-46", "reason": "request"},
        {"kind": "control", "request": "r", "command": "pause", "accepted": False, "message": "already paused"},
        {"kind": "export", "path": "deployment", "size_bytes": 7_200_000, "difference": 1.5e-6, "tolerance": 1e-4},
        {"kind": "exit", "outcome": "finished", "reason": "30 epochs"},
    )
    assert [(entry.level, entry.text) for entry in view.journal] == [
        ("info", "start: 300 steps in 30 epochs on cpu"),
        ("good", "evaluation: F1 86.91  EM 79.40  98.2 % of the teacher  (10,570 questions, 41 s)"),
        ("info", "checkpoint checkpoint-46 (request)"),
        ("warning", "pause: refused, already paused"),
        ("good", "exported deployment, 7.2 MB, differs from torch by 1.5e-06 (allowed 1e-04)"),
        ("good", "finished: 30 epochs"),
    ]


KINDS = ["start", "phase", "metric", "eval", "layer", "checkpoint", "export", "alert", "heartbeat", "control", "exit"]
FIELDS = ["t", "step", "epoch", "total_steps", "steps_per_epoch", "timeline", "loss", "f1", "name", "shape", "sparsity",
          "path", "message", "level", "error", "outcome", "phase", "request", "size_bytes", "device"]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))))
def test_no_event_however_strange_stops_the_reducer(events: list[tuple[str, dict[str, Any]]]) -> None:
    strange = [{**fields, "kind": kind} for kind, fields in events]
    assert view_of(*strange).events == len(events)
    for event in strange:
        entry_of(event)
