"""The app, with an engine started by it: `python hangup_app.py RUN_DIRECTORY FAKE_ENGINE`."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.runs.launch import start_engine
from engine.runs.paths import RunDirectory
from sqa_tui.app import run_app

if __name__ == "__main__":
    run = RunDirectory(Path(sys.argv[1]))
    start_engine(run, argv=[sys.executable, sys.argv[2], str(run.path), "train"])
    run_app()
