"""The engine's side of a run in one object: outcomes, phases, promises."""

from __future__ import annotations

import signal
import sys

import pytest

from engine.errors import UserError
from engine.runs import control
from engine.runs.evidence import assess
from engine.runs.launch import create_run
from engine.runs.lock import probe
from engine.runs.paths import RunDirectory
from engine.runs.reader import EventReader
from engine.runs.recorder import RunRecorder


@pytest.fixture
def run() -> RunDirectory:
    return create_run(slug="recorder", model="m", model_path="m")


def events(run: RunDirectory, *kinds: str) -> list[dict]:
    return [event for event in EventReader(run.events_file).read() if event["kind"] in kinds]


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (None, "finished", ""),
        (UserError("no such file: a.json", "check --train_file"), "failed", "no such file: a.json"),
        (ValueError("two\nlines \x1b[31m"), "failed", "ValueError: two lines \N{REPLACEMENT CHARACTER}[31m"),
        (KeyboardInterrupt(), "stopped", "interrupted"),
        (SystemExit(0), "finished", ""),
        (SystemExit(3), "failed", "SystemExit: 3"),
        (MemoryError(), "failed", "MemoryError: "),
    ],
)
def test_how_a_run_ends(run, error, outcome, reason):
    def work() -> None:
        with RunRecorder(run, signals=False):
            if error is not None:
                raise error

    if error is None:
        work()
    else:
        with pytest.raises(type(error)):
            work()
    (last,) = events(run, "exit")
    assert (last["outcome"], last["reason"]) == (outcome, reason)
    assert last.get("error", {}).get("usage", False) == isinstance(error, UserError)
    assert assess(run).state == outcome
    assert probe(run.lock_file) == "free"


def test_only_the_first_end_counts(run):
    with RunRecorder(run, signals=False) as recorder:
        recorder.request_stop()
        assert recorder.stop_requested
        recorder.finish("stopped", "by request")
        recorder.emit("alert", message="late")
        recorder.finish("finished")
    assert [event["outcome"] for event in events(run, "exit", "alert")] == ["stopped"]


def test_leaving_after_a_request_to_stop_is_stopped(run):
    with RunRecorder(run, signals=False) as recorder:
        recorder.request_stop()
    assert events(run, "exit")[0]["outcome"] == "stopped"


def test_phases_nest_and_give_back_the_promise_they_found(run):
    with RunRecorder(run, signals=False) as recorder:
        recorder.emit("start", total_steps=1)
        with recorder.phase("export", promise=900, step=3), recorder.phase("evaluate", "set", promise=600):
            recorder.emit("alert", message="inside")
        recorder.emit("alert", message="outside")
    told = [
        (event.get("phase", event.get("message")), event.get("action"), event["expect_next_in"])
        for event in events(run, "start", "phase", "alert")
    ]
    assert told == [
        (None, None, 60.0),
        ("export", "enter", 900),
        ("evaluate", "enter", 600),
        ("inside", None, 600),
        ("evaluate", "leave", 900),
        ("export", "leave", 60.0),
        ("outside", None, 60.0),
    ]
    assert [event.get("step") for event in events(run, "phase")] == [3, None, None, 3]


def test_a_phase_is_left_also_by_an_error(run):
    def work() -> None:
        with RunRecorder(run, signals=False) as recorder, recorder.phase("evaluate"):
            raise UserError("no", "really")

    with pytest.raises(UserError):
        work()
    assert [event["action"] for event in events(run, "phase")] == ["enter", "leave"]


def test_a_second_engine_is_refused_and_told_who_has_the_run(run):
    with RunRecorder(run, signals=False), pytest.raises(UserError, match="has an engine already: process "):
        RunRecorder(run, signals=False)
    assert [event["outcome"] for event in events(run, "exit")] == ["finished"]


def test_requests_that_make_no_sense_are_refused_by_itself(run):
    with RunRecorder(run, signals=False) as recorder:
        (run.control / "0-bad.json").write_text("{")
        asked = control.request(run, "pause")
        (request,) = recorder.requests()
        assert (request.request, request.command) == (asked, "pause")
        recorder.answer(request, accepted=True, message="paused")
    found = [(event["request"], event["accepted"]) for event in events(run, "control")]
    assert found == [("0-bad", False), (asked, True)]


class Console:
    """A console that is no help: each line written to it does `act`."""

    def __init__(self, act) -> None:
        self.write = lambda text: act()


def fail_with(console: Console, run: RunDirectory) -> None:
    with pytest.MonkeyPatch.context() as patch, RunRecorder(run, signals=False):
        patch.setattr(sys, "stderr", console)
        raise ValueError("the loss")


def test_a_child_that_dies_while_the_end_is_written(run):
    """The data loader's handler raises wherever the main thread is; the end of the run is written all the same."""

    def raising(number: int, frame: object) -> None:
        raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Killed.")

    before = signal.signal(signal.SIGCHLD, raising)
    try:
        with pytest.raises(ValueError, match="the loss"):
            fail_with(Console(lambda: signal.raise_signal(signal.SIGCHLD)), run)
        assert signal.getsignal(signal.SIGCHLD) is raising
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert events(run, "exit")[0]["reason"] == "ValueError: the loss"


def test_a_console_that_is_gone_does_not_hide_the_end(run):
    def gone() -> None:
        raise BrokenPipeError

    with pytest.raises(ValueError, match="the loss"):
        fail_with(Console(gone), run)
    assert events(run, "exit")[0]["reason"] == "ValueError: the loss"
