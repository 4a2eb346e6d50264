"""What stands beside the progress bar of a followed run."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from sqa_tui.commands.follow import Bar


def shown(bar: Bar) -> str:
    return str(bar.progress.tasks[0].fields["figures"])


def test_the_bar_tells_speed_sparsity_score_and_time_left() -> None:
    bar = Bar(Console(file=io.StringIO(), force_terminal=True, width=160))
    events: list[dict[str, Any]] = [
        {"kind": "start", "total_steps": 100},
        {"kind": "metric", "step": 10, "loss": 1.25, "samples_per_second": 64.0, "sparsity": 0.5},
        {"kind": "metric", "step": 12, "loss": 1.0, "samples_per_second": 64.0, "sparsity": 0.525},
    ]
    # Read at once, as when a terminal comes back to a run: five seconds of the run's own time for each step.
    for number, event in enumerate(events):
        bar.show({"seq": number, "t": 1000.0 + 5 * event.get("step", 0), **event})
    assert shown(bar) == "loss 1.000  sparsity 52.5 %  samples/s 64  ETA 7 m 20 s"
    assert (bar.progress.tasks[0].completed, bar.progress.tasks[0].total) == (12, 100)
    bar.show({"seq": 3, "t": 1070.0, "kind": "eval", "f1": 87.654, "exact_match": 80.0})
    assert shown(bar).endswith("F1 87.65")
