"""From the start of the program to its first paint, in a terminal of 120×32, and what was imported for it.

Run with ``python benchmarks/start.py [--runs N]``; prints the shortest and the median time, and bytes of the paint.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time

HEAVY = ("torch", "transformers", "datasets", "onnx", "onnxruntime", "numpy")
"""What must not be imported by the process of the screen."""
MARK = b"No runs yet"
"""Words of the first screen in an empty home."""
PROBE = """
import sys
from sqa_tui.app import SqaApp
import sqa_tui.screens.runs, sqa_tui.screens.run
print(" ".join(name for name in %r if name in sys.modules) or "none")
"""


def paint(home: str) -> tuple[float, int]:
    """Seconds and bytes until the first screen is there."""
    began = time.perf_counter()
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update(SQA_HOME=home, TERM="xterm-256color", COLORTERM="truecolor")
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 32, 120, 0, 0))
        os.execv(sys.executable, [sys.executable, "-m", "sqa_tui"])
    output = b""
    while MARK not in output and select.select([master], [], [], 60)[0]:
        output += os.read(master, 1 << 16)
    seconds = time.perf_counter() - began
    os.write(master, b"q")
    while select.select([master], [], [], 5)[0]:
        try:
            if not os.read(master, 1 << 16):
                break
        except OSError:
            break
    os.close(master)
    os.waitpid(pid, 0)
    return seconds, len(output)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="starts that are measured (default 5)")
    options = parser.parse_args()
    probe = subprocess.run([sys.executable, "-c", PROBE % (HEAVY,)], capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as home:
        measured = [paint(home) for _ in range(options.runs)]
    times = [seconds for seconds, _ in measured]
    print(f"start to first paint: {min(times):.2f} s shortest, {statistics.median(times):.2f} s median")
    print(f"bytes until then: {max(size for _, size in measured)}")
    print(f"heavy modules in the process of the screen: {probe.stdout.strip()}")
    return 0 if probe.stdout.strip() == "none" else 1


if __name__ == "__main__":
    raise SystemExit(main())
