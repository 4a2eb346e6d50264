"""Runs with a small engine that needs no model, and waiting for a condition instead of for a time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.runs.evidence import assess
from engine.runs.launch import create_run, start_engine
from engine.runs.paths import RunDirectory

FAKE_ENGINE = Path(__file__).with_name("fake_engine.py")

StartFake = Callable[..., tuple[RunDirectory, subprocess.Popen[bytes]]]
WaitFor = Callable[..., None]


@pytest.fixture
def wait_for() -> WaitFor:
    """Wait until `condition()` holds; fail with what `describe()` says when it does not within `seconds`."""

    def wait(
        condition: Callable[[], object], seconds: float = 20.0, describe: Callable[[], object] = lambda: ""
    ) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                pytest.fail(f"not within {seconds} s: {describe()}")
            time.sleep(0.01)

    return wait


@pytest.fixture
def start_fake() -> Iterator[StartFake]:
    """Start the fake engine with a behaviour, in a new run or in a given one; whatever is left is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(behaviour: str, run: RunDirectory | None = None) -> tuple[RunDirectory, subprocess.Popen[bytes]]:
        run = run or create_run(slug=behaviour, model="m", model_path="/m")
        argv = [sys.executable, str(FAKE_ENGINE), str(run.path), behaviour]
        started.append(start_engine(run, argv=argv))
        return run, started[-1]

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def wait_for_state(wait_for: WaitFor) -> Callable[..., None]:
    """Wait until a run is judged to be in the given state."""

    def wait(run: RunDirectory, state: str, seconds: float = 20.0) -> None:
        wait_for(lambda: assess(run).state == state, seconds, lambda: assess(run))

    return wait
