"""The engine of a run: ``python -m engine.question_answering.train --run_directory DIR``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import run_program
from engine.runs.paths import RunDirectory
from engine.runs.queue import DeviceSlot
from engine.runs.recorder import RunRecorder
from engine.runs.spec import read_spec


def main(argv: Sequence[str] | None = None) -> int:
    """Run what `spec.json` in the directory says; the exit code is 0 also for a run that was stopped."""
    parser = argparse.ArgumentParser(prog="engine.question_answering.train", description=__doc__)
    parser.add_argument("--run_directory", "--run-directory", type=Path, required=True, help="folder with spec.json")
    options = parser.parse_args(argv)
    return run_program(lambda: _run(RunDirectory(options.run_directory)))


def _run(directory: RunDirectory) -> int:
    spec = read_spec(directory)
    with RunRecorder(directory) as recorder:
        with recorder.phase("prepare", "starting"):
            # Heavy: only now, when the run can be seen to start.
            from engine.question_answering.failures import in_words
            from engine.question_answering.training import arguments_of, run

            with in_words(recorder):
                arguments = arguments_of(spec)
        slot = DeviceSlot(str(arguments.training.device))
        with recorder.phase("queue", f"waiting for {slot.device}"):
            free = slot.wait(directory, _say_queued(recorder), lambda: recorder.stop_requested)
        if free:
            try:
                with in_words(recorder):
                    run(spec, arguments, recorder)
            finally:
                slot.release()
    return 0


def _say_queued(recorder: RunRecorder):
    def say(text: str) -> None:
        print(text, flush=True)
        recorder.emit("phase", phase="queue", action="enter", text=text)

    return say


if __name__ == "__main__":
    sys.exit(main())
