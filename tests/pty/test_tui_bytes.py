"""What the app costs on the wire, in a real pseudo-terminal of 120×32."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import pytest
import sample_run
from terminal import Terminal

from engine.runs.identity import ProcessIdentity, write_identity
from engine.runs.lock import EngineLock
from engine.runs.paths import RunDirectory, runs_root

START_BYTES = 20_000
"""Most bytes of the first paint."""
EVENT_BYTES = 3_000
"""Most bytes a second of the Run screen at one event a second."""
EVENTS = 8
WINDOW = 1.5
"""Seconds over which an idle app is listened to."""


def app(*, rows: int = 32, columns: int = 120) -> Terminal:
    return Terminal([sys.executable, "-m", "sqa_tui"], columns=columns, rows=rows)


@pytest.fixture
def living() -> Iterator[RunDirectory]:
    """A run at epoch 12, whose engine is this process."""
    directory = sample_run.make_run(runs_root())
    sample_run.write_events(directory, sample_run.events(sample_run.Sample(start=time.time() - 480)))
    write_identity(directory, ProcessIdentity.of(os.getpid()))
    os.utime(directory.process_file, (0, 0))
    lock = EngineLock(directory.lock_file)
    lock.acquire()
    yield directory
    lock.release()


def test_the_first_paint_is_small_and_an_idle_app_writes_nothing() -> None:
    with app() as terminal:
        terminal.read_until("No runs yet")
        terminal.settle()
        assert len(terminal.output) <= START_BYTES
        assert terminal.read(WINDOW) == 0
        terminal.press("q")
        assert terminal.wait() == 0


def test_a_run_at_one_event_a_second(living: RunDirectory) -> None:
    reports = (event for event in sample_run.events(until_epoch=13.0, first=480) if event["kind"] == "metric")
    with app() as terminal:
        terminal.read_until("obert-90-squad")
        terminal.press("\r")
        terminal.read_until("mask update at epoch")
        terminal.read(WINDOW)
        before = len(terminal.output)
        for number, event in zip(range(EVENTS), reports, strict=False):
            sample_run.write_events(living, [{**event, "t": time.time(), "seq": 10_000 + number}])
            # One event a second; what else moves meanwhile, clocks and states, counts as well.
            terminal.read(1.0)
        assert (len(terminal.output) - before) / EVENTS <= EVENT_BYTES
        assert "epoch 12.1" in terminal.text, "the events did not reach the screen"


def test_what_is_repainted_in_parts_is_the_whole(living: RunDirectory) -> None:
    """A chart repaints changed cells only: what a person sees must be what a full repaint shows."""
    with app() as terminal:
        terminal.read_until("obert-90-squad")
        terminal.press("\r")
        terminal.read_until("mask update at epoch")
        sample_run.write_events(living, sample_run.events(until_epoch=20.0, first=480))
        terminal.read_until("epoch 19.98/30")
        terminal.settle(0.3)
        in_parts = charts(terminal)
        terminal.press("?")
        terminal.read_until("Stop this run at a checkpoint")
        terminal.press("\x1b")
        terminal.read_until("epoch 19.98/30")
        terminal.settle(0.3)
        assert charts(terminal) == in_parts


def charts(terminal: Terminal) -> list[str]:
    """The rows of the charts: the lines above and below tell the time."""
    rows = terminal.text.splitlines()
    return rows[1:23]


def test_a_finished_run_is_silent() -> None:
    directory = sample_run.make_run(runs_root())
    exit_event = {"v": 1, "seq": 10_000, "t": sample_run.START + 480, "kind": "exit", "outcome": "finished"}
    sample_run.write_events(directory, [*sample_run.events(), {**exit_event, "reason": "30 epochs"}])
    with app(columns=80, rows=24) as terminal:
        terminal.read_until("obert-90-squad")
        terminal.press("\r")
        terminal.read_until("finished")
        terminal.settle()
        assert terminal.read(WINDOW) == 0
