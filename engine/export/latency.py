"""How long one answer of the exported model takes."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from engine.export.parity import make_inputs
from engine.export.report import Latency
from engine.pipeline.runtime import OnnxModel, available_threads

WARM_UP = 2


def measure_latency(path: Path, names: list[str], length: int, vocabulary: int, runs: int) -> Latency | None:
    """Time of `runs` runs of one row of `length` tokens; None for no runs."""
    if runs < 1:
        return None
    model = OnnxModel(path)
    inputs = make_inputs(names, (1, length), vocabulary, False, 0)
    times = [_timed(model, inputs) for _ in range(WARM_UP + runs)][WARM_UP:]
    median, best = statistics.median(times), min(times)
    threads = available_threads()
    return Latency(batch=1, length=length, runs=runs, threads=threads, median_ms=median, best_ms=best)


def _timed(model: OnnxModel, inputs: dict) -> float:
    begun = time.perf_counter()
    model.run(inputs)
    return (time.perf_counter() - begun) * 1000
