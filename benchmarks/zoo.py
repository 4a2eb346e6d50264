"""How long it takes to list a local root of 10,000 models, the first time and again, and how much memory that needs.

    python -m benchmarks.zoo [--count 10000]

Half of the folders are in the SparseZoo layout, half are plain model folders at other depths.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

LIMIT_SECONDS = 1.0
NAME = "zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad/base-none"
CONFIG = '{"model_type": "bert", "num_hidden_layers": 12, "architectures": ["BertForQuestionAnswering"]}'


def build(root: Path, count: int) -> None:
    """Write `count` model folders below `root`."""
    for index in range(count):
        if index % 2:
            folder = root / f"team{index % 50}" / f"project{index % 7}" / f"model-{index}"
            training = folder
        else:
            stub = f"nlp/question_answering/bert-base/pytorch/huggingface/squad/pruned{index % 99:02d}_{index}-none"
            folder = root / stub
            training = folder / "training"
        training.mkdir(parents=True)
        (training / "config.json").write_text(CONFIG)
        (training / "model.safetensors").write_bytes(b"0")
        if index % 4 == 0:
            (folder / "recipe.md").write_text("modifiers: []\n")


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds of one call, and seconds of processor time."""
    begin, used = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - begin, time.process_time() - used


def best(action: Callable[[], object]) -> float:
    """Milliseconds of the fastest of three calls."""
    return 1000 * min(timed(action)[0] for _ in range(3))


def measure(count: int) -> bool:
    """Print the figures; whether the first list took less than the limit, of processor time at least."""
    from engine.zoo import find_entry, list_entries
    from engine.zoo.filters import Query, select

    before = psutil.Process().memory_info().rss
    first, used = timed(list_entries)
    memory = psutil.Process().memory_info().rss - before
    entries = list_entries()
    local = sum(entry.source == "local" for entry in entries)
    query = Query(words="pruned97 bert", min_sparsity=90)
    print(f"{local} local entries of {count} folders, {len(entries)} in all")
    print(f"list, first time   {first:7.3f} s, {used:.3f} s of processor time (limit {LIMIT_SECONDS} s)")
    print(f"list, again        {best(list_entries) / 1000:7.3f} s")
    print(f"one entry by name  {best(lambda: find_entry(NAME)):7.2f} ms")
    print(f"filter             {best(lambda: select(entries, query)):7.2f} ms")
    print(f"memory             {memory / 1e6:7.1f} MB")
    return local == count and min(first, used) < LIMIT_SECONDS


def main() -> int:
    """Generate the folders in a temporary place and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder) / "root", count)
        os.environ["SQA_ZOO_ROOTS"] = str(Path(folder) / "root")
        os.environ["SQA_HOME"] = str(Path(folder) / "home")
        return 0 if measure(count) else 1


if __name__ == "__main__":
    raise SystemExit(main())
