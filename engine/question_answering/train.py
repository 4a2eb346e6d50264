"""The engine of a run: ``python -m engine.question_answering.train --run_directory DIR``."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from engine.errors import UserError, run_program
from engine.question_answering.process_layout import ProcessLayout
from engine.question_answering.upload_checks import UPLOAD_THREAD
from engine.runs.paths import RunDirectory
from engine.runs.queue import DeviceSlot
from engine.runs.rank_recorders import SilentRecorder
from engine.runs.recorder import RunRecorder
from engine.runs.spec import RunSpec, read_spec
from engine.runs.state import read_state

OVERRIDES = ("nproc_per_node", "nnodes", "node_rank", "rdzv_endpoint", "max_restarts")
"""Flags of the run that may be others when it goes on."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what `spec.json` in the directory says; the exit code is 0 also for a run that was stopped."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--run_directory", "--run-directory", type=Path)
    parser.add_argument("--help", "-h", action="store_true")
    parser.add_argument("--join", action="store_true", help="Help the engine of another machine with its run")
    for name in OVERRIDES:
        parser.add_argument(f"--{name}")
    options, rest = parser.parse_known_args(argv)
    return run_program(lambda: _main(options, rest))


def _main(options: argparse.Namespace, rest: Sequence[str]) -> int:
    if options.help:
        from engine.question_answering.training_arguments import print_help

        print_help()
        return 0
    if options.run_directory is None or rest:
        raise UserError("the engine takes --run_directory alone", "start a run with: sqa-tui train --help")
    directory = RunDirectory(options.run_directory)
    given = {name: getattr(options, name) for name in OVERRIDES if getattr(options, name) is not None}
    if options.join:
        _join(directory, given)
    else:
        run_engine(directory, given=given)
    return 0


def run_engine(
    directory: RunDirectory, *, signals: bool = True, given: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Do what the specification of a run says; `signals`: SIGTERM and Ctrl-C stop it after a checkpoint; `given`: what
    of `OVERRIDES` is another now.

    Raises `UserError` or `RunFailure`, which are the run's exit event as well.
    """
    spec = read_spec(directory)
    before = read_state(directory)
    failure: Exception | None = None
    with RunRecorder(directory, signals=signals) as recorder:
        layout = ProcessLayout.of({**spec.arguments, **given})
        if layout.several:
            failure = _run_several(directory, layout, recorder, on_cpu=bool(spec.arguments.get("use_cpu")))
        else:
            _run_alone(directory, spec, recorder, again=before is not None and before.started is not None)
    if failure is not None:
        raise failure


def _join(directory: RunDirectory, given: Mapping[str, Any]) -> None:
    """Start this machine's processes of a run whose engine is elsewhere."""
    from engine.question_answering.elastic import run_ranks

    layout = ProcessLayout.of({**read_spec(directory).arguments, **given})
    if failure := run_ranks(directory, layout, SilentRecorder(directory)):
        raise failure


def _run_several(
    directory: RunDirectory, layout: ProcessLayout, recorder: RunRecorder, *, on_cpu: bool
) -> Exception | None:
    """Let several processes do the run, on a device each; returns why it failed."""
    with recorder.phase("prepare", f"starting {layout.per_node} processes"):
        from engine.question_answering.elastic import run_ranks
    slots = [DeviceSlot(name) for name in _devices(layout, on_cpu)]
    taken: list[DeviceSlot] = []
    try:
        with recorder.phase("queue", f"waiting for {', '.join(slot.device for slot in slots)}"):
            for slot in slots:
                if slot.wait(directory, _say_queued(recorder), lambda: recorder.stop_requested):
                    taken.append(slot)
        return run_ranks(directory, layout, recorder) if len(taken) == len(slots) else None
    finally:
        for slot in taken:
            slot.release()


def _devices(layout: ProcessLayout, on_cpu: bool) -> list[str]:
    import torch

    gpus = 0 if on_cpu else torch.cuda.device_count()
    return [f"cuda:{place}" for place in range(min(layout.per_node, gpus))] or ["cpu"]


def _run_alone(directory: RunDirectory, spec: RunSpec, recorder: RunRecorder, *, again: bool) -> None:
    """Do the run in this process."""
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
                run(spec, arguments, recorder, again=again)
        finally:
            slot.release()


def _say_queued(recorder: RunRecorder) -> Callable[[str], None]:
    def say(text: str) -> None:
        print(text, flush=True)
        recorder.emit("phase", phase="queue", action="enter", text=text)

    return say


def _leave(code: int) -> NoReturn:
    """End the process, also where an upload that nobody waits for hangs: Python would wait for its helpers."""
    if any(thread.name == UPLOAD_THREAD for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    _leave(main())
