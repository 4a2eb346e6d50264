"""Exporting the output of a run that has ended, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from engine.errors import UserError
from engine.runs.evidence import last_console_line
from engine.runs.paths import RunDirectory
from engine.runs.spec import read_spec

MODEL_FILE = "model.onnx"
_exporters: dict[Path, subprocess.Popen[bytes]] = {}


def deployment_of(directory: RunDirectory) -> Path | None:
    """The deployment folder of a run, where there is one."""
    try:
        folder = Path(read_spec(directory).output_dir) / "deployment"
    except UserError:
        return None
    return folder if (folder / MODEL_FILE).is_file() else None


def is_exporting(directory: RunDirectory) -> bool:
    """Whether an exporter that was started here works on this run."""
    process = _exporters.get(directory.path)
    return process is not None and process.poll() is None


def start_export(directory: RunDirectory, on_end: Callable[[str, bool], None]) -> None:
    """Export the output of a run; what the exporter says goes to the run's console log.

    `on_end` is called in another thread with a sentence and whether all went well. The exporter outlives the app.
    Raises UserError where it cannot be started, and where one works on this run already: two would write one folder.
    """
    if is_exporting(directory):
        raise UserError(f"{directory.id} is being exported already", "wait for its end; its words are in the console")
    output = Path(read_spec(directory).output_dir)
    if not (output / "config.json").is_file():
        raise UserError(f"{output} holds no model to export", "the run has saved none yet")
    command = [sys.executable, "-m", "engine.export", "--task", "question-answering", "--model_path", str(output)]
    try:
        with directory.console_file.open("ab") as console:
            process = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise UserError(f"cannot start the exporter: {error.strerror or error}", str(directory.path)) from error
    _exporters[directory.path] = process
    threading.Thread(target=_wait, args=(directory, process, on_end), name="export", daemon=True).start()


def _wait(directory: RunDirectory, process: subprocess.Popen[bytes], on_end: Callable[[str, bool], None]) -> None:
    if process.wait() == 0:
        on_end(f"exported to {deployment_of(directory)}", True)
    else:
        on_end(f"export failed: {last_console_line(directory)}", False)
