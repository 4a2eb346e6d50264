"""The terminal goes away, as at the end of an SSH connection: the engine goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from terminal import Terminal

from engine.runs.evidence import assess
from engine.runs.identity import read_identity
from engine.runs.launch import create_run
from engine.runs.reader import EventReader
from engine.runs.state import read_state

FAKE_ENGINE = Path(__file__).resolve().parents[1] / "faults" / "fake_engine.py"
STARTER = """
import signal, sys
from engine.runs.launch import start_engine
from engine.runs.paths import RunDirectory
start_engine(RunDirectory(sys.argv[1]), argv=[sys.executable, sys.argv[2], sys.argv[1], "train"])
print("started", flush=True)
signal.pause()
"""


def wait_for(condition, describe=lambda: "", seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {describe()}")
        time.sleep(0.01)


def test_the_engine_survives_the_hangup_of_the_terminal_that_started_it():
    run = create_run(slug="hangup", model="m", model_path="/m")
    starter = Terminal([sys.executable, "-c", STARTER, str(run.path), str(FAKE_ENGINE)], columns=80, rows=24)
    try:
        wait_for(lambda: assess(run).state == "running", lambda: assess(run))
        starter.hang_up()
        assert starter.wait() == -signal.SIGHUP, "the hang-up did not reach the session of the terminal"
        reached = read_state(run).step or 0
        reader = EventReader(run.events_file)
        reader.read()
        wait_for(lambda: any(event.get("step", 0) > reached + 5 for event in reader.read()), lambda: assess(run))
        assert assess(run).state == "running"
        # Even sent to the engine itself.
        os.kill(read_identity(run).pid, signal.SIGHUP)
        reader.read()
        wait_for(lambda: any(event["kind"] == "metric" for event in reader.read()), lambda: assess(run))
        assert assess(run).state == "running"
    finally:
        identity = read_identity(run)
        with contextlib.suppress(ProcessLookupError):
            if identity:
                os.killpg(identity.pgid, signal.SIGKILL)
