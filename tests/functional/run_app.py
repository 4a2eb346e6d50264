"""The app, opened on the screen of one run: `python run_app.py RUN_DIRECTORY`."""

from __future__ import annotations

import sys
from pathlib import Path

import sqa_tui.app
from sqa_tui.app import SqaApp
from sqa_tui.screens.run import RunScreen


class RunApp(SqaApp):
    """Shows one run; asks of other screens are kept instead of opened."""

    CSS_PATH = Path(sqa_tui.app.__file__).with_name("app.tcss")

    def __init__(self, run_path: Path) -> None:
        super().__init__()
        self.run_path = run_path
        self.asked: list[Path | None] = []

    def first_screen(self) -> RunScreen:
        return RunScreen(self.run_path)

    def open_ask(self, model: Path | None = None) -> None:
        self.asked.append(model)


if __name__ == "__main__":
    RunApp(Path(sys.argv[1])).run()
