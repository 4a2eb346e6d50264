"""The latest state: derived from events, kept small, written seldom, readable always."""

from __future__ import annotations

import math
import os

import pytest

from engine.runs.paths import RunDirectory
from engine.runs.recorder import RunRecorder
from engine.runs.state import LOSS_POINTS, RunState, StateWriter, advance, read_state


def fold(*events: dict) -> RunState:
    state = RunState()
    for sequence, event in enumerate(events):
        advance(state, {"v": 1, "seq": sequence, "t": float(sequence), **event})
    return state


def test_a_training_as_its_state():
    state = fold(
        {"kind": "start", "total_steps": 100, "total_epochs": 2.0, "device": "cpu"},
        {"kind": "phase", "phase": "train", "action": "enter", "text": "dense"},
        {"kind": "metric", "step": 10, "epoch": 0.2, "loss": 2.0, "sparsity": 0.1, "sparsity_target": 0.12},
        {"kind": "metric", "step": 12, "epoch": 0.24, "loss": "nan", "expect_next_in": 60},
        {"kind": "checkpoint", "step": 12, "epoch": 0.24, "path": "output", "reason": "asked"},
        {"kind": "phase", "phase": "evaluate", "action": "enter", "text": "held-out set"},
        {"kind": "eval", "exact_match": 80.0, "f1": 88.0, "teacher_f1": 90.0, "recovery": 0.978},
        {"kind": "alert", "level": "warning", "message": "loss is nan"},
        {"kind": "alert", "level": "info", "message": "nothing"},
    )
    assert (state.total_steps, state.total_epochs, state.device, state.step, state.epoch) == (100, 2.0, "cpu", 12, 0.24)
    assert math.isnan(state.loss)
    assert (state.sparsity, state.sparsity_target) == (0.1, 0.12)
    assert (state.phase, state.phases, state.text) == ("evaluate", ["train", "evaluate"], "held-out set")
    assert (state.f1, state.exact_match, state.teacher_f1, state.recovery) == (88.0, 80.0, 90.0, 0.978)
    assert (state.checkpoint_epoch, state.checkpoint_path, state.alert) == (0.24, "output", "loss is nan")
    assert state.seconds_per_step == 0.5
    assert state.eta_seconds == 44.0
    assert state.last_event_at == 8.0


def test_interruptions_do_not_count_for_the_time_a_step_takes():
    steps = [{"kind": "metric", "step": step} for step in range(3)]
    pause = [{"kind": "phase", "phase": "evaluate", "action": action} for action in ("enter", "leave")]
    state = fold({"kind": "start", "total_steps": 10}, *steps, *pause * 20, {"kind": "metric", "step": 3})
    assert state.seconds_per_step == 1.0


def test_an_event_counts_once_and_nonsense_is_ignored():
    state = fold({"kind": "metric", "loss": 1.0, "step": "three", "epoch": None, "sparsity": [1]}, {"kind": "phase"})
    advance(state, {"v": 1, "seq": 0, "kind": "metric", "loss": 9.0})
    assert (state.loss, state.step, state.sparsity, state.seq) == (1.0, None, None, 1)


def test_after_an_exit_another_engine_begins():
    exit_event = {"kind": "exit", "outcome": "stopped", "reason": "asked"}
    state = fold({"kind": "start", "total_steps": 10}, {"kind": "metric", "step": 4, "loss": 1.0}, exit_event)
    assert (state.outcome, state.reason, state.phases, state.eta_seconds) == ("stopped", "asked", [], None)
    advance(state, {"v": 1, "seq": 3, "t": 9.0, "kind": "heartbeat"})
    assert (state.outcome, state.reason, state.under_way, state.step) == (None, None, False, 4)


@pytest.mark.parametrize("count", [1, LOSS_POINTS, LOSS_POINTS + 1, 1000])
def test_the_losses_of_the_whole_run_in_few_points(count):
    state = fold(*({"kind": "metric", "step": step, "loss": float(step)} for step in range(count)))
    assert len(state.loss_tail) <= LOSS_POINTS
    assert len(state.loss_tail) * state.loss_stride + len(state.loss_waiting) == count
    stride = state.loss_stride
    assert state.loss_tail == [index * stride + (stride - 1) / 2 for index in range(len(state.loss_tail))]


def test_a_state_survives_the_disk_with_numbers_json_lacks(tmp_path):
    run = RunDirectory(tmp_path)
    assert read_state(run) is None
    writer = StateWriter(run.state_file)
    writer.update(loss=math.nan, sparsity=0.5, loss_tail=[1.0, math.inf])
    found = read_state(run)
    assert math.isnan(found.loss)
    assert found.loss_tail == [1.0, math.inf]
    assert found.updated > 0
    run.state_file.write_bytes(run.state_file.read_bytes()[:40])
    assert read_state(run) is None


def test_a_state_is_written_at_most_once_a_second(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("engine.runs.state.time.monotonic", lambda: now[0])
    run = RunDirectory(tmp_path)
    writer = StateWriter(run.state_file)
    seen = []
    for step in range(100):
        now[0] = 100 + step / 20
        writer.update(step=step)
        seen.append(read_state(run).step)
    assert sorted(set(seen)) == [0, 20, 40, 60, 80]
    writer.flush()
    assert read_state(run).step == 99


def test_a_state_that_cannot_be_written_is_tried_again(tmp_path):
    folder = tmp_path / "later"
    writer = StateWriter(folder / "state.json")
    writer.update(step=1)
    folder.mkdir()
    writer.flush()
    assert read_state(RunDirectory(folder)).step == 1
    assert os.listdir(folder) == ["state.json"]


def test_a_continued_run_keeps_what_was_reached_even_without_its_state_file(tmp_path):
    run = RunDirectory(tmp_path)
    with RunRecorder(run, signals=False) as recorder:
        recorder.emit("eval", step=5, epoch=0.5, f1=50.0, exact_match=40.0)
    run.state_file.unlink()
    with RunRecorder(run, signals=False) as recorder:
        recorder.flush()
        state = read_state(run)
        assert (state.f1, state.step, state.outcome) == (50.0, 5, None)
    assert read_state(run).outcome == "finished"
