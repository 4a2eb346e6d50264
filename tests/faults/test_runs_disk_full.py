"""A disk that takes no more: nothing is lost, nothing is torn, and it is said."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.runs.evidence import assess
from engine.runs.reader import EventReader
from engine.runs.state import read_state

ON_A_TINY_DISK = """
import os, sys, time
from pathlib import Path
from engine.runs.reader import EventReader
from engine.runs.recorder import RunRecorder
from engine.runs.state import read_state
disk = Path(sys.argv[1])
run = disk / "run"
run.mkdir()
with RunRecorder(run) as recorder:
    recorder.emit("start", total_steps=5)
    recorder.flush()
    ballast = open(disk / "ballast", "wb", buffering=0)
    try:
        while True:
            ballast.write(bytes(4096))
    except OSError:
        pass
    for number in range(300):
        recorder.emit("layer", name=f"layer {number}")
    end = time.monotonic() + 20
    while not (recorder.blocked and read_state(recorder.directory).disk_full):
        assert time.monotonic() < end, "the full disk was not noticed"
        time.sleep(0.01)
    ballast.truncate(0)
    assert recorder.flush(20)
    assert not recorder.blocked
reader = EventReader(run / "events.jsonl")
events = reader.read()
assert [event["seq"] for event in events] == list(range(len(events)))
assert [event["name"] for event in events if event["kind"] == "layer"] == [f"layer {n}" for n in range(300)]
assert (reader.bad_lines, reader.gaps, events[-1]["kind"]) == (0, 0, "exit")
assert not read_state(recorder.directory).disk_full
print("nothing lost")
"""


def test_no_event_is_lost_or_torn_when_a_size_limit_goes_away(start_fake, wait_for):
    run, process = start_fake("full_disk")
    wait_for(lambda: (state := read_state(run)) and state.disk_full, describe=run.console_file.read_text)
    assert "disk full" in assess(run).reason
    # The line that broke off in the middle is not there yet for a reader, and not bad either.
    reader = EventReader(run.events_file)
    before = reader.read()
    assert reader.behind > 0
    (run.path / "seen").touch()
    assert process.wait(20) == 0, run.console_file.read_text()
    events = before + reader.read()
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert [event["name"] for event in events if event["kind"] == "layer"] == [f"layer {n}" for n in range(200)]
    assert [event["message"] for event in events if event["kind"] == "alert"] == ["while full", "after"]
    assert (reader.bad_lines, reader.gaps, reader.restarts) == (0, 0, 0)
    assert not read_state(run).disk_full
    said = run.console_file.read_text().splitlines()
    assert len(said) == 2
    assert said[0].endswith("File too large; events are kept in memory and retried")
    assert said[1].endswith("is written again; no event was lost")


def test_a_disk_without_space(tmp_path: Path):
    """On a file system of 128 KiB in a name space of its own, where that is allowed."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("user name spaces are not allowed here")
    program = tmp_path / "program.py"
    program.write_text(ON_A_TINY_DISK)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f'mount -t tmpfs -o size=128k tmpfs "{disk}" && exec "{sys.executable}" "{program}" "{disk}"'
    command = ["unshare", "-rm", "sh", "-c", script]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root, env={"PYTHONPATH": str(root)})
    assert done.stdout == "nothing lost\n", done.stderr
    assert "No space left on device" in done.stderr
