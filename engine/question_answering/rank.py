"""One of several processes that train a model: ``python -m engine.question_answering.rank``, started by the engine."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from engine.errors import RunFailure, UserError
from engine.orphans import die_with
from engine.runs.outcome import read_outcome
from engine.runs.paths import RunDirectory
from engine.runs.rank_recorders import LeadingRecorder, SilentRecorder
from engine.runs.spec import read_spec
from engine.runs.state import read_state


def main(argv: Sequence[str] | None = None) -> int:
    """Take part in the run; 0 also where it failed in a way that starting again would not mend."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run_directory", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True)
    options = parser.parse_args(argv)
    # Ranks have sessions of their own, which nobody would end.
    die_with(options.parent)
    directory, rank = RunDirectory(options.run_directory), int(os.environ["RANK"])
    if rank > 0:
        _print_to(directory.rank_console_file(rank))
    if read_outcome(directory) is not None:
        return 0
    try:
        _take_part(directory, rank)
    except Exception as error:
        return _exit_code(directory, error)
    return 0


def _print_to(path: Path) -> None:
    """Send what this process prints to a file of its own."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _take_part(directory: RunDirectory, rank: int) -> None:
    spec = read_spec(directory)
    before = read_state(directory)
    with LeadingRecorder(directory) if rank == 0 else SilentRecorder(directory) as recorder:
        with recorder.phase("prepare", "starting"):
            from engine.question_answering.failures import in_words
            from engine.question_answering.rank_setup import join_ranks, say_restart
            from engine.question_answering.training import arguments_of, run

            with in_words(recorder):
                joined = join_ranks(spec)
                arguments = arguments_of(spec)
                # The only buffers that change are the quantizers' ranges, which are shared otherwise.
                arguments.training.ddp_broadcast_buffers = False
                say_restart(recorder)
        with in_words(recorder):
            run(spec, arguments, recorder, again=joined.share(before is not None and before.started is not None))
            joined.barrier()  # nobody leaves while others may still wait for it


def _exit_code(directory: RunDirectory, error: Exception) -> int:
    from engine.question_answering.process_layout import LOST_OTHERS
    from engine.sparsify.ranks import RankError

    if isinstance(error, (UserError, RunFailure)) or read_outcome(directory) is not None:
        return 0
    if isinstance(error, RankError):
        return LOST_OTHERS
    traceback.print_exception(error)
    return LOST_OTHERS if _lost_others(error) else 1


def _lost_others(error: BaseException) -> bool:
    """Whether it is the network's error that another rank is gone: a class of torch's, or gloo's words."""
    from torch.distributed import DistError

    words = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "[../third_party/gloo", "Gloo")
    return isinstance(error, DistError) or any(word in str(error) for word in words)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Without the interpreter's end: a group whose other end is gone may wait there for ever.
    os._exit(code)
