"""How a run ends that cannot go on: one line that says what happened and what to change."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator

import torch

from engine.errors import plain
from engine.runs.recorder import RunRecorder

_WORKER_DIED = re.compile(r"DataLoader worker .*(killed|exited)")


class RunFailure(Exception):  # noqa: N818 - the field's word; it ends up in the run's exit event
    """The run cannot go on, and not because of what the user wrote; `hint` says what to change."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class TrainingFailure(RunFailure):
    """Training went wrong: no memory, or a loss that is no number."""


class ExportFailure(RunFailure):
    """The export program ended with an error; the trained model is safe."""


class StoppedError(Exception):
    """The run was asked to stop while it was not training."""


@contextlib.contextmanager
def in_words(recorder: RunRecorder) -> Generator[None]:
    """Turn what ends the block into the run's exit event: a failure with its hint, or the stop that was asked for."""
    try:
        yield
    except StoppedError as stop:
        recorder.finish("stopped", str(stop))
    except RunFailure as failure:
        _finish(recorder, failure)
        raise
    except (MemoryError, RuntimeError) as error:
        if _WORKER_DIED.search(str(error)):
            failure = TrainingFailure(
                f"a process that prepares batches died ({plain(str(error), 120)})",
                "go on with `sqa-tui resume`; use fewer --dataloader_num_workers if memory is short",
            )
            _finish(recorder, failure)
            raise failure from error
        if not _is_out_of_memory(error):
            raise
        failure = TrainingFailure(
            f"out of memory ({plain(str(error), 120)})",
            "use a smaller --per_device_train_batch_size with more --gradient_accumulation_steps",
        )
        _finish(recorder, failure)
        raise failure from error


def _finish(recorder: RunRecorder, failure: RunFailure) -> None:
    facts = {
        "type": type(failure).__name__,
        "message": plain(failure.message),
        "hint": plain(failure.hint),
        "usage": False,
    }
    recorder.finish("failed", plain(failure.message), error=facts)


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)
