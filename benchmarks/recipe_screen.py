"""Milliseconds from a key in the Recipe screen to the new course of the recipe.

`python -m benchmarks.recipe_screen [FILE …]`: for the longest recipe of tests/data/recipes (or the files), and for one
with a block for every matrix of BERT-base, median and 95th percentile of: reading it (parse, check, advice, timeline)
and painting what was read, both in processor time, and all of it from the key to the painted screen on the clock, which
includes the wait of `DEBOUNCE_SECONDS` for the next key and whatever else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from textual import events
from textual.pilot import Pilot

from sqa_tui.app import SqaApp
from sqa_tui.recipe_files import RecipeText, read_recipe
from sqa_tui.recipe_reading import Question, Reading, read
from sqa_tui.screens.recipe import DEBOUNCE_SECONDS, RecipeScreen
from sqa_tui.widgets.recipe_editor import RecipeEditor

SIZE = (160, 45)
TIMES = 40
STEPS_PER_EPOCH = 5533
"""SQuAD 1.1 in batches of 16."""
MATRICES = ("query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense")
POLL_SECONDS = 0.0005


def block_for_every_matrix() -> str:
    """A recipe that prunes each of the 72 matrices by itself, each to a target of its own."""
    head = "modifiers:\n  - !EpochRangeModifier\n    start_epoch: 0.0\n    end_epoch: 30.0\n"
    blocks = [
        f"  - !GMPruningModifier\n    params: ['bert.encoder.layer.{layer}.{matrix}.weight']\n    init_sparsity: 0.05\n"
        f"    final_sparsity: {0.7 + layer / 50:.2f}\n    start_epoch: 2.0\n    end_epoch: 26.0\n"
        f"    update_frequency: 0.05\n    mask_type: unstructured\n"
        for layer in range(12)
        for matrix in MATRICES
    ]
    return head + "".join(blocks)


def reading_times(document: RecipeText) -> list[float]:
    """Milliseconds of reading alone."""
    question = Question(document.text, document.markdown, steps_per_epoch=STEPS_PER_EPOCH)
    return [_timed(lambda: read(question)) for _ in range(TIMES)]


def _timed(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return (time.process_time() - began) * 1000


async def screen_times(document: RecipeText) -> tuple[list[float], list[float]]:
    """Milliseconds of painting a reading, and of all from a key to it."""
    app, painted, whole = SqaApp(), list[float](), list[float]()
    async with app.run_test(size=SIZE) as pilot:
        screen = RecipeScreen(document)
        await app.push_screen(screen)
        await _read_anew(screen, None)
        screen.query_one(RecipeEditor).move_cursor(screen.query_one(RecipeEditor).document.end)
        for _ in range(TIMES):
            before, began = screen.reading, time.perf_counter()
            # Not `pilot.press`, which sleeps until the processor is idle.
            app.post_message(events.Key("number_sign", "#"))
            await _read_anew(screen, before)
            await _idle(pilot)
            whole.append((time.perf_counter() - began) * 1000)
            painted.append(await _painting(screen, pilot))
    return painted, whole


async def _painting(screen: RecipeScreen, pilot: Pilot[None]) -> float:
    reading = screen.reading
    assert reading is not None
    began = time.process_time()
    screen._take(reading)
    await _idle(pilot)
    return (time.process_time() - began) * 1000


async def _read_anew(screen: RecipeScreen, before: Reading | None) -> None:
    while screen.reading is before:
        await asyncio.sleep(POLL_SECONDS)


async def _idle(pilot: Pilot[None]) -> None:
    await pilot._wait_for_screen()


def said(times: Sequence[float]) -> str:
    """Median and 95th percentile."""
    return f"{statistics.median(times):8.1f} {statistics.quantiles(times, n=20)[-1]:8.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = Path(__file__).parent.parent / "tests" / "data" / "recipes"
    longest = max(folder.iterdir(), key=lambda path: len(path.read_text().splitlines()))
    parser.add_argument("files", nargs="*", default=[str(longest)])
    options = parser.parse_args()
    documents = [read_recipe(source) for source in options.files]
    documents.append(RecipeText("", block_for_every_matrix(), "a block for every matrix"))
    wait = f"a key waits {DEBOUNCE_SECONDS * 1000:g} for the next one"
    print(f"milliseconds, median and 95th percentile of {TIMES}; {wait}")
    print(f"{'recipe':<42} {'lines':>5} {'read (cpu)':>17} {'paint (cpu)':>17} {'key to course':>17}")
    for document in documents:
        painted, whole = asyncio.run(screen_times(document))
        lines = len(document.text.splitlines())
        print(f"{document.name[:42]:<42} {lines:>5} {said(reading_times(document))} {said(painted)} {said(whole)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
