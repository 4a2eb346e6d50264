"""How long the Zoo screen takes to show 10,000 local models and to filter them by one key, and the memory it needs.

    python -m benchmarks.zoo_screen [--count 10000]

Times are of the processor (the clock beside them counts whatever else the machine does): from the key that opens the
screen to its first rows and to all of them, and from each key typed into the words, each change of a field, each change
of the order and each move of the cursor to the painted screen.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
from textual.pilot import Pilot

from benchmarks.zoo import build

SIZE = (160, 45)
LIMIT_MS = 50.0
WORDS = "bert pruned97 90"
TIMES = 12


async def measure(count: int) -> bool:
    """Print the figures; whether keys of the filter took less than the limit, of processor time."""
    from sqa_tui.app import SqaApp
    from sqa_tui.screens.zoo import ZooScreen
    from sqa_tui.widgets.zoo_list import ZooList

    app, process = SqaApp(), psutil.Process()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        before = process.memory_info().rss
        began, used = time.perf_counter(), time.process_time()
        screen = ZooScreen()
        await app.push_screen(screen)
        entries = screen.query_one(ZooList)
        first = await _until(lambda: len(entries.rows) > 0, began, used)
        whole = await _until(lambda: len(entries.rows) > count, began, used)
        memory = process.memory_info().rss - before
        print(f"{count} folders, {len(entries.rows)} entries, {memory / 1e6:.1f} MB more than before")
        print(f"{'':<24}{'processor':>12}{'clock':>12}   milliseconds")
        print(f"{'first rows':<24}{first[0]:>12.0f}{first[1]:>12.0f}")
        print(f"{'all rows':<24}{whole[0]:>12.0f}{whole[1]:>12.0f}")
        await screen.workers.wait_for_complete()
        await pilot.press("slash")
        keys = [await _timed(pilot, key) for key in [*WORDS.replace(" ", "~"), *["backspace"] * len(WORDS)]]
        await pilot.press("enter", "f")
        fields = [await _timed(pilot, "down") for _ in range(TIMES)]
        await pilot.press("backspace", "enter")
        sorts = [await _timed(pilot, "s") for _ in range(TIMES)]
        moves = [await _timed(pilot, key) for key in ["pagedown", "down"] * TIMES]
        most = [_print(name, times) for name, times in _rows(keys, fields, sorts, moves)]
    return most[0] < LIMIT_MS


def _rows(*times: list[tuple[float, float]]) -> list[tuple[str, list[tuple[float, float]]]]:
    return list(zip(("a key of the filter", "a value of a field", "another order", "a move"), times, strict=True))


def _print(name: str, times: list[tuple[float, float]]) -> float:
    """Print medians; returned is the 90th percentile of the processor (the others pay for Python's collector)."""
    used, clock = [pair[0] for pair in times], [pair[1] for pair in times]
    most = statistics.quantiles(used, n=10)[-1]
    limit = f" (limit {LIMIT_MS:g})" if name.startswith("a key") else ""
    middle = f"{statistics.median(used):>12.1f}{statistics.median(clock):>12.1f}"
    print(f"{name:<24}{middle}   90 % within {most:.1f}{limit}, worst {max(used):.1f}")
    return most


async def _until(condition: Callable[[], bool], began: float, used: float) -> tuple[float, float]:
    while not condition():
        await asyncio.sleep(0.001)
    return (time.process_time() - used) * 1000, (time.perf_counter() - began) * 1000


async def _timed(pilot: Pilot[None], key: str) -> tuple[float, float]:
    """Processor and clock of one key, with all it causes; without the card, which is read when the cursor rests."""
    began, used = time.perf_counter(), time.process_time()
    press: Awaitable[None] = pilot.press("space" if key == "~" else key)
    await press
    return (time.process_time() - used) * 1000, (time.perf_counter() - began) * 1000


def main() -> int:
    """Generate the folders in a temporary place and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder) / "root", count)
        os.environ["SQA_ZOO_ROOTS"] = str(Path(folder) / "root")
        os.environ["SQA_HOME"] = str(Path(folder) / "home")
        return 0 if asyncio.run(measure(count)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
