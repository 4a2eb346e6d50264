"""Engines that are stopped, killed, hang or fail, as seen by somebody who only has the run directory."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.runs import control
from engine.runs.evidence import assess, examine
from engine.runs.identity import ProcessIdentity, read_identity
from engine.runs.launch import EngineChildren, kill_engine, start_engine, stop_engine
from engine.runs.lock import probe
from engine.runs.reader import EventReader
from engine.runs.state import read_state


def events_of(run):
    return EventReader(run.events_file).read()


def test_a_killed_engine_is_seen_within_two_seconds(start_fake, wait_for_state):
    run, process = start_fake("train")
    wait_for_state(run, "running")
    os.kill(process.pid, signal.SIGKILL)
    # Nobody has reaped it yet: the zombie must not count as life.
    wait_for_state(run, "killed", seconds=2)
    assert assess(run).reason.startswith("lock free, no exit event; last event ")
    assert assess(run).reason.endswith("no checkpoint")


def test_a_forked_worker_that_outlives_the_engine_is_not_taken_for_it(start_fake, wait_for_state, wait_for):
    run, process = start_fake("train_with_worker")
    wait_for_state(run, "running")
    worker = ProcessIdentity.of(int((run.path / "worker.pid").read_text()))
    os.kill(process.pid, signal.SIGKILL)
    wait_for_state(run, "killed", seconds=2)
    assert worker.alive()
    assert probe(run.lock_file) == "free"


def test_stopping_once_leaves_a_checkpoint_and_says_so(start_fake, wait_for_state):
    run, process = start_fake("train")
    wait_for_state(run, "running")
    stop_engine(run)
    assert process.wait(20) == 0
    kinds = [event["kind"] for event in events_of(run)]
    assert kinds[-2:] == ["checkpoint", "exit"]
    found, state = examine(run)
    assert found.state == "stopped"
    assert found.reason.startswith("stopped at step ")
    assert state.checkpoint_epoch == pytest.approx(state.step / 10)
    assert read_state(run).outcome == "stopped"


def test_a_second_signal_ends_at_once(start_fake, wait_for_state, wait_for):
    run, process = start_fake("deaf")
    wait_for_state(run, "running")
    stop_engine(run)
    wait_for(lambda: any(event["kind"] == "alert" for event in events_of(run)))
    stop_engine(run)
    assert process.wait(20) == 128 + signal.SIGTERM
    assert assess(run).state == "stopped"
    assert "second signal" in assess(run).reason


def test_stop_now_needs_one_call(start_fake, wait_for_state):
    run, process = start_fake("deaf")
    wait_for_state(run, "running")
    stop_engine(run, now=True)
    assert process.wait(20) == 128 + signal.SIGTERM
    assert events_of(run)[-1]["outcome"] == "stopped"


def test_a_signal_to_a_worker_is_not_heard_by_the_engine(start_fake):
    run, process = start_fake("stop_of_a_worker")
    assert process.wait(20) == 0
    assert events_of(run)[-1]["reason"] == f"worker ended by {int(signal.SIGTERM)}, stop False"


def test_a_hanging_loop_is_stalled_although_its_process_beats(start_fake, wait_for_state, wait_for):
    run, _ = start_fake("hang")
    wait_for_state(run, "stalled")
    assert "no progress for" in assess(run).reason
    wait_for(lambda: events_of(run)[-1].get("idle", 0) > 0)
    assert events_of(run)[-1]["expect_next_in"] < 0
    assert assess(run).state == "stalled"


def test_a_pause_is_no_stall_and_no_end(start_fake, wait_for_state):
    run, _ = start_fake("pause")
    wait_for_state(run, "paused")
    assert assess(run, now=examine(run)[1].last_event_at + 86_400).state == "paused"


def test_bad_input_is_one_line_and_usage(start_fake):
    run, process = start_fake("bad_input")
    assert process.wait(20) == 2
    last = events_of(run)[-1]
    hint = "check --model_name_or_path"
    expected = {"type": "UserError", "message": "no such folder: /nowhere", "hint": hint, "usage": True}
    assert last["error"] == expected
    assert assess(run).state == "failed"
    assert run.console_file.read_text() == f"error: no such folder: /nowhere ({hint})\n"


def test_a_defect_is_failed_with_its_traceback_in_the_console(start_fake):
    run, process = start_fake("defect")
    assert process.wait(20) == 1
    assert events_of(run)[-1]["error"]["usage"] is False
    assert assess(run).reason.startswith("ZeroDivisionError: a defect of ours")
    assert "Traceback" in run.console_file.read_text()


def test_an_engine_that_dies_before_its_first_event_is_failed_with_its_last_words(start_fake):
    run, process = start_fake("no such behaviour")
    assert process.wait(20) == 1
    assert assess(run).state == "failed"
    other = start_fake("train", run)[0]
    assert other == run


def test_an_engine_whose_program_is_broken_is_failed_with_the_console(isolated_home):
    from engine.runs.launch import create_run

    run = create_run(slug="broken", model="m", model_path="/m")
    process = start_engine(run, argv=["/bin/sh", "-c", "echo 'cannot \033[31mimport' >&2; exit 3"])
    assert process.wait(20) == 3
    assert assess(run).state == "failed"
    assert (
        assess(run).reason
        == "the engine ended before its first event; console: cannot \N{REPLACEMENT CHARACTER}[31mimport"
    )


def test_a_run_has_one_engine_and_can_be_continued(start_fake, wait_for_state):
    run, process = start_fake("train")
    wait_for_state(run, "running")
    with pytest.raises(UserError, match="has an engine already"):
        start_fake("train", run)
    stop_engine(run)
    process.wait(20)
    before = len(events_of(run))
    _, second = start_fake("train", run)
    wait_for_state(run, "running")
    stop_engine(run)
    second.wait(20)
    reader = EventReader(run.events_file)
    events = reader.read()
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert len(events) > before
    assert (reader.bad_lines, reader.gaps) == (0, 0)
    assert assess(run).state == "stopped"


def test_requests_are_answered(start_fake, wait_for_state, wait_for):
    run, _ = start_fake("train")
    wait_for_state(run, "running")
    asked = control.request(run, "checkpoint")
    (run.control / "00-foreign.json").write_text("not json")
    (run.control / "notes.txt").write_text("no request")

    def answers():
        return {e["request"]: (e["command"], e["accepted"]) for e in events_of(run) if e["kind"] == "control"}

    wait_for(lambda: len(answers()) == 2, describe=answers)
    assert answers() == {asked: ("checkpoint", True), "00-foreign": ("", False)}
    assert [path.name for path in run.control.iterdir()] == ["notes.txt"]


def test_killing_takes_the_workers_along(start_fake, wait_for_state, wait_for):
    run, process = start_fake("train_with_worker")
    wait_for_state(run, "running")
    worker = ProcessIdentity.of(int((run.path / "worker.pid").read_text()))
    kill_engine(run)
    children = EngineChildren()
    children.adopt(run, process)
    ended: list[object] = []
    wait_for(lambda: ended.extend(children.poll()) or ended)
    assert ended == [(run, -signal.SIGKILL)]
    assert not children.poll()
    wait_for(lambda: not worker.alive())
    with pytest.raises(UserError, match="no running engine"):
        stop_engine(run)


def test_the_engine_runs_where_the_user_was_in_a_session_of_its_own(start_fake, wait_for_state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "engine").mkdir()  # must not be imported in place of ours
    (tmp_path / "engine" / "__init__.py").write_text("raise RuntimeError('the wrong engine')")
    run, process = start_fake("train")
    monkeypatch.chdir("/")
    wait_for_state(run, "running")
    assert Path(os.readlink(f"/proc/{process.pid}/cwd")) == tmp_path
    assert os.getsid(process.pid) == process.pid
    assert os.readlink(f"/proc/{process.pid}/fd/0") == os.devnull
    assert read_identity(run) == ProcessIdentity.of(process.pid)
