"""Random texts and damaged recipes: each becomes a recipe or a `RecipeError`, quickly, and nothing of it is executed.

Run with ``python -m benchmarks.recipe_fuzz [--examples 10000] [--seed 0]``; prints how many texts of each kind loaded
and were refused, the longest time for one, and what should not have happened (exit code 1).
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import time
import traceback
import warnings as python_warnings
from collections import Counter
from contextlib import suppress
from typing import Any

from benchmarks.recipe_texts import RECIPES, Case, case
from engine.errors import UserError
from engine.recipes import compose, parse_recipe
from engine.recipes.advice import warnings
from engine.recipes.timeline import timeline

MOST_SECONDS = 1.0
HANGS = 5
"""After so many seconds of the processor a text is given up, and where it was is printed."""
FORBIDDEN = ("exec", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "open", "socket.connect", "import")
"""What Python reports to audit hooks when code runs, files are opened or processes begin."""


class Watch:
    """Turns forbidden events into errors while it is on."""

    def __init__(self) -> None:
        self.on = False
        sys.addaudithook(self._hook)
        signal.signal(signal.SIGPROF, self._hangs)

    def start(self) -> None:
        """Watch one text."""
        self.on = True
        signal.setitimer(signal.ITIMER_PROF, HANGS)

    def stop(self) -> None:
        """Watch no longer."""
        self.on = False
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _hangs(self, *_: object) -> None:
        raise AssertionError(f"takes more than {HANGS} s")

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in FORBIDDEN:
            self.on = False
            raise AssertionError(f"{event} {arguments[:2]!r}")


def tried(sample: Case) -> str:
    """Do everything with a text that screens and runs do before they train: `loaded` or `refused`."""
    try:
        recipe = parse_recipe(sample.text, recipe_args=sample.recipe_args)
    except UserError as error:
        return "refused" if str(error) and "\n" not in str(error) else "without words"
    saved = recipe.to_yaml()
    assert parse_recipe(saved).modifiers == recipe.modifiers, "the saved recipe is another one"
    timeline(recipe, sample.steps_per_epoch, sample.total_steps)
    warnings(recipe, steps_per_epoch=sample.steps_per_epoch)
    with suppress(UserError):
        assert parse_recipe(compose(recipe, recipe).text), "the composed recipe cannot be read"
    return "loaded"


def warm_up() -> None:
    """Import what is imported at first use, so that the watch sees only what the texts do."""
    for text in [*RECIPES, *(text.replace("Modifier", "Modifer") for text in RECIPES)]:
        tried(Case("warm", text, None, 10, 100))


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = random.Random(options.seed)
    warm_up()
    python_warnings.simplefilter("error")
    watch, outcomes, slowest, failures = Watch(), Counter[str](), [], []
    for number in range(options.examples):
        sample = case(generator, number)
        began, worked = time.perf_counter(), time.process_time()
        try:
            watch.start()
            outcome = tried(sample)
        except Exception:
            watch.stop()
            outcome = "failed"
            failures.append((sample, traceback.format_exc()))
        watch.stop()
        took = (time.process_time() - worked, time.perf_counter() - began)
        outcomes[f"{sample.kind:10} {outcome}"] += 1
        slowest = sorted([*slowest, (*took, sample)], key=lambda entry: entry[0], reverse=True)[:3]
    report(options, outcomes, slowest, failures)
    return 1 if failures or slowest[0][0] > MOST_SECONDS else 0


def report(options: argparse.Namespace, outcomes: Counter[str], slowest: list[Any], failures: list[Any]) -> None:
    """Print what was found."""
    print(f"{options.examples} texts, seed {options.seed}")
    for name, count in sorted(outcomes.items()):
        print(f"  {name:20} {count:6}")
    for worked, passed, sample in slowest:
        shown = repr(sample.text[:60])
        print(f"  slow: {worked:.3f} s of the processor, {passed:.3f} s in all: {sample.kind} {shown}")
    print(f"  memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most")
    for sample, trace in failures[:5]:
        shown = f"FAILED {sample.kind}\n{sample.text[:3000]}\n{sample.recipe_args!r}\n{trace[-2500:]}"
        print(shown.encode("utf-8", "backslashreplace").decode())
    print(f"{len(failures)} unexpected errors")


if __name__ == "__main__":
    sys.exit(main())
