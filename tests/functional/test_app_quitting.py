"""The app ends when it is told to, whatever its threads wait for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from sqa_tui.threads import DaemonThreads

LIMIT = 60.0
"""Seconds after which the process is taken to hang."""

READING_FOR_EVER = """
import threading

from textual.pilot import Pilot

from sqa_tui.app import SqaApp
from sqa_tui.screens import zoo

reading = threading.Event()


def sources() -> list[object]:
    reading.set()
    threading.Event().wait()
    return []


async def quits(pilot: Pilot[None]) -> None:
    app.open_zoo()
    while not reading.is_set():
        await pilot.pause(0.02)
    await app.action_quit()


zoo.sources = sources
app = SqaApp()
app.run(headless=True, auto_pilot=quits)
print("the end")
"""


def test_quitting_does_not_wait_for_a_source_that_hangs() -> None:
    command = [sys.executable, "-c", READING_FOR_EVER]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (ended.returncode, ended.stdout) == (0, "the end\n"), ended.stderr


async def test_a_call_in_a_thread_returns_and_raises() -> None:
    asyncio.get_running_loop().set_default_executor(DaemonThreads())
    assert await asyncio.to_thread(int, "7") == 7
    assert await asyncio.to_thread(lambda: threading.current_thread().daemon)
    with pytest.raises(ValueError, match="invalid literal"):
        await asyncio.to_thread(int, "seven")


def test_the_end_waits_for_what_is_nearly_done() -> None:
    begun, done = threading.Event(), threading.Event()
    threads = DaemonThreads(grace=LIMIT)
    saved = threads.submit(lambda: begun.wait() and not done.set())
    begun.set()
    threads.shutdown()
    assert saved.done()
    assert done.is_set()
