"""The program that looks at a model ends with whoever asked it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

ASKER = """
import subprocess, sys
from engine.recipes.inspection import inspection_command
subprocess.Popen(inspection_command("nothing"))
print("started", file=sys.stderr, flush=True)
sys.stdin.read()
"""


def test_it_does_not_outlive_the_process_that_asked() -> None:
    request, never_closed = os.pipe()
    answer, held = os.pipe()
    asker = subprocess.Popen([sys.executable, "-c", ASKER], stdin=request, stdout=held, stderr=subprocess.PIPE)
    os.close(held)
    assert asker.stderr is not None
    assert asker.stderr.readline() == b"started\n"
    os.kill(asker.pid, signal.SIGTERM)
    asker.wait()
    ready, _, _ = select.select([answer], [], [], 60)
    os.close(never_closed)
    assert ready, "the program waits for its request without an asker"
    assert os.read(answer, 1) == b""
