"""The engine of a run: ``python -m engine.question_answering.train --run_directory DIR``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.errors import UserError, run_program
from engine.runs.paths import RunDirectory
from engine.runs.queue import DeviceSlot
from engine.runs.recorder import RunRecorder
from engine.runs.spec import read_spec
from engine.runs.state import read_state


def main(argv: Sequence[str] | None = None) -> int:
    """Run what `spec.json` in the directory says; the exit code is 0 also for a run that was stopped."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--run_directory", "--run-directory", type=Path)
    parser.add_argument("--help", "-h", action="store_true")
    options, rest = parser.parse_known_args(argv)
    return run_program(lambda: _main(options, rest))


def _main(options: argparse.Namespace, rest: Sequence[str]) -> int:
    if options.help:
        from engine.question_answering.training_arguments import print_help

        print_help()
        return 0
    if options.run_directory is None or rest:
        raise UserError("the engine takes --run_directory alone", "start a run with: sqa-tui train --help")
    run_engine(RunDirectory(options.run_directory))
    return 0


def run_engine(directory: RunDirectory, *, signals: bool = True) -> None:
    """Do what the specification of a run says; `signals`: SIGTERM and Ctrl-C stop it after a checkpoint.

    Raises `UserError` or `RunFailure`, which are the run's exit event as well.
    """
    spec = read_spec(directory)
    before = read_state(directory)
    with RunRecorder(directory, signals=signals) as recorder:
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
                    run(spec, arguments, recorder, again=before is not None and before.started is not None)
            finally:
                slot.release()


def _say_queued(recorder: RunRecorder) -> Callable[[str], None]:
    def say(text: str) -> None:
        print(text, flush=True)
        recorder.emit("phase", phase="queue", action="enter", text=text)

    return say


if __name__ == "__main__":
    sys.exit(main())
