"""The export at the end of a run, by the export program in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.errors import plain
from engine.question_answering.failures import ExportFailure
from engine.runs.recorder import RunRecorder

_PROMISE = 1800.0
_FIELDS = ("path", "size_bytes", "difference", "max_difference", "tolerance", "sparsity", "seconds")


def export_model(model: Path, recorder: RunRecorder) -> None:
    """Export the model folder to ONNX and emit the report as an `export` event.

    Raises `ExportFailure` with the program's last line. A process of its own: the training's memory is not needed
    twice, and the rooms' direction of imports stays.
    """
    command = [sys.executable, "-m", "engine.export", "--model_path", str(model), "--task", "question-answering"]
    with recorder.phase("export", "to ONNX", promise=_PROMISE):
        done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    sys.stderr.write(done.stderr)
    report = _report(done.stdout)
    if done.returncode != 0 or report is None:
        lines = done.stderr.strip().splitlines()
        reason = plain(lines[-1].removeprefix("error: "), 300) if lines else f"exit code {done.returncode}"
        raise ExportFailure(f"the export failed: {reason}", f"the trained model is in {model}; export it again")
    recorder.emit("export", **{name: report[name] for name in _FIELDS if name in report}, durable=True)


def _report(output: str) -> dict[str, Any] | None:
    """The JSON object that the export program prints, whatever else is printed before it."""
    start = output.find("{")
    if start < 0:
        return None
    try:
        return json.loads(output[start:])
    except ValueError:
        return None
