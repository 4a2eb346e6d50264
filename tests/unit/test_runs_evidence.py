"""States and their reasons, each from the evidence that makes it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import msgspec
import pytest

from engine.errors import UserError
from engine.runs import control, evidence
from engine.runs.control import ControlInbox
from engine.runs.evidence import STATES, assess, duration
from engine.runs.identity import ProcessIdentity, read_identity, write_identity
from engine.runs.launch import create_run, stop_engine
from engine.runs.lock import EngineLock, LockBusyError, probe
from engine.runs.paths import RunDirectory
from engine.runs.recorder import RunRecorder

PROBE = "import sys; from pathlib import Path; from engine.runs.lock import probe; print(probe(Path(sys.argv[1])))"


@pytest.fixture
def run() -> RunDirectory:
    return create_run(slug="evidence", model="m", model_path="m")


def probe_elsewhere(path) -> str:
    return subprocess.run(
        [sys.executable, "-c", PROBE, str(path)], capture_output=True, text=True, check=True
    ).stdout.strip()


def dead_identity() -> ProcessIdentity:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = ProcessIdentity.of(child.pid)
    child.communicate(b"\n")
    return identity


def write_log(run: RunDirectory, *events: dict) -> None:
    lines = [msgspec.json.encode({"v": 1, "seq": number, **event}) for number, event in enumerate(events)]
    run.events_file.write_bytes(b"".join(line + b"\n" for line in lines))


def test_a_lock_is_seen_from_another_process_and_kept_by_looking_at_it(tmp_path):
    path = tmp_path / "engine.lock"
    assert probe(path) == "free"
    lock = EngineLock(path)
    lock.acquire()
    # The trap of POSIX locks: to open and close the file here would give the lock away.
    assert probe(path) == "held"
    assert probe_elsewhere(path) == "held"
    with pytest.raises(LockBusyError):
        EngineLock(path).acquire()
    assert probe_elsewhere(path) == "held"
    lock.release()
    lock.release()
    assert (probe(path), probe_elsewhere(path)) == ("free", "free")


def test_a_lock_is_not_inherited_by_a_forked_child(tmp_path):
    lock = EngineLock(tmp_path / "engine.lock")
    lock.acquire()
    child = os.fork()
    if not child:
        os._exit(0 if probe(lock.path) == "held" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert probe_elsewhere(lock.path) == "held"
    lock.release()


def test_a_file_system_without_locks_is_unknown(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("engine.runs.lock.fcntl.lockf", refuse)
    monkeypatch.setattr("engine.runs.lock.fcntl.fcntl", refuse)
    lock = EngineLock(tmp_path / "engine.lock")
    lock.acquire()
    assert not lock.supported
    assert probe(lock.path) == "unknown"
    lock.release()


def test_identities(monkeypatch):
    current = ProcessIdentity.current()
    assert current.alive() is True
    assert current.pid == os.getpid()
    assert dead_identity().alive() is False
    assert msgspec.structs.replace(current, start_ticks=current.start_ticks - 1).alive() is False, (
        "the number used again"
    )
    assert msgspec.structs.replace(current, boot_id="an earlier boot").alive() is False
    assert msgspec.structs.replace(current, host="elsewhere").alive() is None
    assert msgspec.structs.replace(current, pid_namespace="pid:[1]").alive() is None


def test_a_zombie_is_dead():
    child = os.fork()
    if not child:
        os.read(os.open("/dev/null", os.O_RDONLY), 1)
        os._exit(0)
    identity = ProcessIdentity.of(child)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert os.path.exists(f"/proc/{child}")
    assert identity.alive() is False
    os.waitpid(child, 0)


def test_created_and_not_started(run):
    assert assess(run, now=time.time() + 180) == evidence.Assessment(
        "queued", "created 3 min ago, no engine started yet"
    )


@pytest.mark.parametrize(
    ("phases", "state"),
    [
        ([], "starting"),
        (["queue"], "queued"),
        (["train"], "running"),
        (["train", "prune"], "running"),
        (["train", "evaluate"], "evaluating"),
        (["train", "pause"], "paused"),
        (["export"], "exporting"),
        (["export", "evaluate"], "exporting"),
    ],
)
def test_what_a_living_engine_does(run, phases, state):
    with RunRecorder(run, signals=False) as recorder:
        if "train" in phases:
            recorder.emit("start", total_steps=10)
        for phase in phases:
            recorder.emit("phase", phase=phase, action="enter", text=f"in {phase}")
        recorder.flush()
        found = assess(run)
        assert found.state == state
        assert found.state in STATES
        assert ("lock held by process" in found.reason) != (state in ("queued", "paused"))


def test_a_broken_promise_is_a_stall_and_a_kept_one_is_not(run):
    with RunRecorder(run, signals=False) as recorder:
        recorder.emit("start", total_steps=10, expect_next_in=60)
        recorder.flush()
        assert assess(run, now=time.time() + 50).state == "running"
        late = assess(run, now=time.time() + 200)
        assert late.state == "stalled"
        assert late.reason == "alive, but no progress for 3 min, 2 min overdue; last event 3 min ago"


def test_killed_with_its_evidence(run):
    now = time.time()
    write_log(
        run,
        {"t": now - 90, "kind": "start", "total_steps": 10},
        {"t": now - 60, "kind": "checkpoint", "epoch": 18.0, "path": "output"},
        {"t": now - 3, "kind": "metric", "step": 3},
    )
    write_identity(run, dead_identity())
    expected = "lock free, no exit event; last event 3 s ago, checkpoint at epoch 18.0"
    assert assess(run, now=now) == evidence.Assessment("killed", expected)


def test_after_another_boot_an_engine_is_dead(run):
    write_log(run, {"t": time.time(), "kind": "start"})
    write_identity(run, msgspec.structs.replace(ProcessIdentity.current(), boot_id="before"))
    assert assess(run).state == "killed"


def test_an_engine_elsewhere_is_known_by_its_events_only(run):
    now = time.time()
    write_log(run, {"t": now - 2, "kind": "start", "expect_next_in": 60})
    write_identity(run, msgspec.structs.replace(ProcessIdentity.current(), host="far\x1b[31maway"))
    here = assess(run, now=now)
    assert here.state == "running"
    assert here.reason.endswith("last event 2 s ago on far\N{REPLACEMENT CHARACTER}[31maway")
    later = assess(run, now=now + 7200)
    assert later.state == "unknown"
    assert "its lock cannot be seen here; last event 2 h 0 min ago" in later.reason
    with pytest.raises(UserError, match="runs on"):
        stop_engine(run)


def test_without_locks_the_process_is_the_evidence(run, monkeypatch):
    monkeypatch.setattr(evidence, "probe", lambda path: "unknown")
    write_identity(run, ProcessIdentity.current())
    write_log(run, {"t": time.time() + 1, "kind": "start", "expect_next_in": 60})
    assert assess(run).state == "running"
    assert "lock unknown, process" in assess(run).reason
    write_identity(run, dead_identity())
    assert assess(run).state == "killed"


@pytest.mark.parametrize("outcome", ["finished", "failed", "stopped"])
def test_an_exit_event_is_the_strongest_evidence(run, outcome):
    moment = time.mktime((2026, 3, 4, 5, 6, 7, 0, 0, -1))
    write_log(run, {"t": moment, "kind": "exit", "outcome": outcome, "reason": "because\x1b[2J"})
    found = assess(run)
    assert (found.state, found.reason) == (outcome, "because\N{REPLACEMENT CHARACTER}[2J (2026-03-04 05:06:07)")


def test_an_exit_nobody_knows(run):
    write_log(run, {"t": 1.0, "kind": "exit", "outcome": "melted"})
    assert assess(run).state == "unknown"


def test_a_new_engine_counts_before_its_first_event(run):
    write_log(run, {"t": time.time() - 60, "kind": "exit", "outcome": "stopped", "reason": ""})
    write_identity(run, ProcessIdentity.current())
    assert assess(run).state == "starting"


def test_the_state_file_is_not_needed_and_never_trusted_over_the_log(run):
    with RunRecorder(run, signals=False) as recorder:
        recorder.emit("start", total_steps=10)
    run.state_file.write_text('{"seq": 1, "outcome": null, "phases": ["export"]}')
    assert assess(run).state == "finished"
    run.state_file.write_text('{"seq": 1, "outco')
    assert assess(run).state == "finished"
    run.state_file.write_text('{"seq": 1000000}')
    assert assess(run).state == "finished"
    run.state_file.unlink()
    assert assess(run).state == "finished"


def test_judging_is_cheap_whatever_the_length_of_the_log(run, monkeypatch):
    with RunRecorder(run, signals=False) as recorder:
        for number in range(30_000):
            recorder.emit("layer", name=f"layer {number}")
    read = []
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda *arguments: read.append(len(data := real(*arguments))) or data)
    assert assess(run).state == "finished"
    assert sum(read) <= 1 << 14 < run.events_file.stat().st_size / 100


def test_an_event_longer_than_the_usual_tail_is_found(run):
    with RunRecorder(run, signals=False) as recorder:
        recorder.emit("start", total_steps=10, timeline=[{"name": "x" * 100_000}])
        recorder.flush()
        run.state_file.unlink(missing_ok=True)
        assert assess(run).state == "running"


def test_nothing_is_left_of_a_run(tmp_path):
    assert assess(RunDirectory(tmp_path / "gone")).state == "unknown"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (3.4, "3 s"), (60, "1 min"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_requests_come_once_in_order(run):
    asked = [control.request(run, command, number=number) for number, command in enumerate(("pause", "resume", "stop"))]
    inbox = ControlInbox(run)
    found = inbox.poll()
    assert [(request.request, request.command, request.arguments) for request in found] == [
        (asked[0], "pause", {"number": 0}),
        (asked[1], "resume", {"number": 1}),
        (asked[2], "stop", {"number": 2}),
    ]
    assert ControlInbox(run).poll() == []


def test_unknown_commands_and_no_permission_are_one_line(run):
    with pytest.raises(UserError, match="knows no command 'explode'"):
        control.request(run, "explode")
    with pytest.raises(UserError, match="cannot write to"):
        control.request(RunDirectory("/proc/nowhere"), "stop")


def test_an_engine_that_cannot_write_its_directory_says_so():
    with pytest.raises(UserError, match="cannot write to"):
        RunRecorder(RunDirectory("/proc/nowhere"), signals=False)
    assert read_identity(RunDirectory("/proc/nowhere")) is None
