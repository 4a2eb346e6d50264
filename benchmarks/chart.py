"""What one more point costs in a chart of 112×29 cells, in milliseconds of processor time and in bytes on the wire.

Run with ``python benchmarks/chart.py [--points N]``; the last column is the cost of repainting the whole widget instead
of the changed cells, relative to it.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import statistics
import time

from textual.app import App, ComposeResult
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from sqa_tui.themes import variable_defaults
from sqa_tui.tracks import Track
from sqa_tui.widgets.chart_data import Band, ChartData, Curve
from sqa_tui.widgets.line_chart import LineChart

SIZE = (112, 29)
UPDATES = 40
END = 30.0
BANDS = (Band("prune", 2, 18, "phase-prune"), Band("qat", 22, 30, "phase-qat"))


class CountingDriver(HeadlessDriver):
    """Counts what a terminal would be sent."""

    written = 0

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        CountingDriver.written += len(data.encode())


class ChartApp(App[None]):
    """One chart that fills the screen."""

    def __init__(self, curves: int, points: int) -> None:
        super().__init__(driver_class=CountingDriver)
        self.rng = random.Random(5)
        self.step = 0
        self.points = points
        self.tracks = [Track() for _ in range(curves)]
        self.chart = LineChart("loss")

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults(self.current_theme)

    def compose(self) -> ComposeResult:
        yield self.chart

    def grow(self) -> ChartData:
        """One point more on every curve; the run fills two thirds of the axis."""
        epoch = self.step * END / (1.5 * self.points)
        self.step += 1
        for number, track in enumerate(self.tracks):
            track.append(epoch, (3 + number) * math.exp(-epoch / 4) + 1 + self.rng.gauss(0, 0.05))
        curves = tuple(
            Curve(f"curve {number}", track.points(), f"chart-{number + 1}") for number, track in enumerate(self.tracks)
        )
        return ChartData(curves, BANDS, end=END)


async def measure(curves: int, points: int, *, naive: bool) -> tuple[float, float]:
    """Median milliseconds and mean bytes of one update."""
    app = ChartApp(curves, points)
    costs: list[float] = []
    sizes: list[int] = []

    async def drive(pilot: Pilot[object]) -> None:
        data = ChartData()
        for _ in range(points - UPDATES):
            data = app.grow()
        app.chart.show(data)
        await pilot.pause()
        for _ in range(UPDATES):
            data = app.grow()
            before, began = CountingDriver.written, time.process_time()
            app.chart.show(data)
            if naive:
                app.chart.refresh()
            await pilot.pause()
            costs.append((time.process_time() - began) * 1000)
            sizes.append(CountingDriver.written - before)
        app.exit()

    await app.run_async(size=SIZE, auto_pilot=drive)
    return statistics.median(costs), statistics.mean(sizes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, nargs="*", default=[200, 2000, 100_000], help="points of each curve")
    options = parser.parse_args()
    print(f"{'curves':>6} {'points':>8} {'ms/update':>10} {'bytes/update':>13} {'whole widget':>13}")
    for curves, points in [(count, size) for count in (1, 5) for size in options.points]:
        cost, size = asyncio.run(measure(curves, points, naive=False))
        _, whole = asyncio.run(measure(curves, points, naive=True))
        print(f"{curves:>6} {points:>8} {cost:>10.1f} {size:>13.0f} {whole / size:>12.1f}x", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
