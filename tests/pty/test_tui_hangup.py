"""The terminal goes away under the app: the app ends, the run goes on, and the next app shows it whole."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from terminal import PATIENCE, Terminal

from engine.runs.evidence import assess
from engine.runs.identity import read_identity
from engine.runs.launch import create_run
from engine.runs.paths import RunDirectory
from engine.runs.reader import EventReader

HERE = Path(__file__).parent
FAKE_ENGINE = HERE.parent / "faults" / "fake_engine.py"


def wait_for(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


@pytest.fixture
def run() -> Iterator[RunDirectory]:
    """A run that the app of the test starts."""
    directory = create_run(slug="hangup", model="m", model_path="/m")
    yield directory
    identity = read_identity(directory)
    if identity and identity.alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, signal.SIGKILL)


def test_a_lost_connection_ends_the_app_and_not_the_run(run: RunDirectory) -> None:
    command = [sys.executable, str(HERE / "hangup_app.py"), str(run.path), str(FAKE_ENGINE)]
    with Terminal(command, columns=120, rows=32) as terminal:
        terminal.read_until("hangup")
        terminal.press("\r")
        terminal.read_until("epoch")
        wait_for(lambda: assess(run).state == "running")
        terminal.hang_up()
        terminal.wait()
    reader = EventReader(run.events_file)
    reader.read()
    wait_for(lambda: any(event["kind"] == "metric" for event in reader.read()))
    assert assess(run).state == "running"
    assert reader.bad_lines == reader.gaps == 0


def test_the_next_app_shows_the_run_from_its_first_event(run: RunDirectory) -> None:
    command = [sys.executable, str(HERE / "hangup_app.py"), str(run.path), str(FAKE_ENGINE)]
    with Terminal(command, columns=120, rows=32) as terminal:
        terminal.read_until("hangup")
        wait_for(lambda: assess(run).state == "running")
        terminal.press("q")
        assert terminal.wait() == 0
    assert assess(run).state == "running"
    with Terminal([sys.executable, "-m", "sqa_tui"], columns=120, rows=32) as terminal:
        terminal.read_until("hangup")
        terminal.press("\r")
        terminal.read_until("running")
        terminal.read_until("start: 100000 steps")
        terminal.press("q")
        assert terminal.wait() == 0


def test_the_app_ends_with_its_terminal_when_no_signal_tells_it(run: RunDirectory) -> None:
    ignoring = "import os, signal as s, sys; s.signal(s.SIGHUP, s.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", ignoring, sys.executable, "-m", "sqa_tui"]
    with Terminal(command, columns=120, rows=32) as terminal:
        terminal.read_until("hangup")
        terminal.hang_up()
        assert terminal.wait() == 128 + signal.SIGHUP
