"""Pictures of the screens, from the app itself on the runs that are there: `python docs/screenshots.py [FOLDER]`.

The newest finished run with an exported model is shown; the figures in the pictures are that run's own.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

from textual.pilot import Pilot

from engine.errors import UserError
from engine.runs.listing import list_runs
from engine.runs.paths import home
from sqa_tui.app import SqaApp

SIZE = (130, 36)
SETTLE_SECONDS = 1.5
"""Time for the watchers to read a finished run; the pictures are taken of what stands then."""


async def _tour(folder: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=SIZE) as pilot:
        await _picture(pilot, folder / "runs.svg")
        await pilot.press("n")
        await _picture(pilot, folder / "new_run.svg")
        await pilot.press("t")
        await _picture(pilot, folder / "recipe.svg")
        await pilot.press("escape", "escape", "escape", "escape", "enter")
        await _picture(pilot, folder / "run.svg")
        await pilot.press("a")
        await _picture(pilot, folder / "ask_before.svg")
        await pilot.press("f3")
        await pilot.pause(SETTLE_SECONDS)
        await pilot.press("f5")
        await _picture(pilot, folder / "ask.svg")
        (folder / "ask_before.svg").unlink()


async def _picture(pilot: Pilot[None], path: Path) -> None:
    await pilot.pause(SETTLE_SECONDS)
    pilot.app.save_screenshot(path.name, str(path.parent))


def _neutral(text: str) -> str:
    """A picture without the names of the machine it was taken on; as long as before, so that nothing moves."""
    where, host = str(home()), socket.gethostname()
    text = text.replace(where, "/home/you/sqa-tui".ljust(len(where), "_")[: len(where)])
    return text.replace(f"on&#160;{host}", f"on&#160;{'host'.ljust(len(host), '_')[: len(host)]}")


def take_screenshots(folder: Path) -> None:
    """Write the pictures to `folder`. Raises UserError where there is no finished run to show."""
    if not any(run.assessment.state == "finished" and run.state.export_path for run in list_runs()):
        raise UserError("no finished run with an exported model to take pictures of", "python -m benchmarks.demo")
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_tour(folder))
    for picture in folder.glob("*.svg"):
        picture.write_text(_neutral(picture.read_text()))


if __name__ == "__main__":
    take_screenshots(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "screenshots")
