"""How a run ends that cannot go on: one line that says what happened and what to change."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import traceback
from collections.abc import Generator

import torch
from safetensors import SafetensorError

from engine.errors import RunFailure, plain
from engine.runs.recorder import RunRecorder
from engine.runs.signals import children_unheard

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CUT_OFF = re.compile(r"PytorchStreamWriter failed|file write failed|unexpected pos")
_LOADER = "torch.utils.data.dataloader"
_WORKER_DIED = re.compile(r"DataLoader worker .*(killed|exited)")


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
        with children_unheard():
            recorder.finish("stopped", str(stop))
    except RunFailure as failure:
        with children_unheard():
            recorder.fail(failure)
        raise
    except Exception as error:
        with children_unheard():
            failure = _known(error)
            if failure is None:
                raise
            recorder.fail(failure)
        raise failure from error


def _of_a_dead_worker(error: Exception) -> bool:
    """Whether a process of a data loader died: torch says so, or, where its pipe broke before that, the pipe does."""
    if isinstance(error, RuntimeError) and _WORKER_DIED.search(str(error)):
        return True
    if not isinstance(error, (ConnectionError, EOFError)):
        return False
    return any(f.f_globals.get("__name__") == _LOADER for f, _ in traceback.walk_tb(error.__traceback__))


def _known(error: Exception) -> TrainingFailure | None:
    """The failure that an error of torch or of the system stands for; None for all others."""
    shown = plain(str(error) or type(error).__name__, 120)
    if _of_a_dead_worker(error):
        return TrainingFailure(
            f"a process that prepares batches died ({shown})",
            "go on with `sqa-tui resume`; use fewer --dataloader_num_workers if memory is short",
        )
    if _is_out_of_memory(error):
        return TrainingFailure(
            f"out of memory ({shown})",
            "use a smaller --per_device_train_batch_size with more --gradient_accumulation_steps",
        )
    if reason := full_disk(error):
        hint = "free space, then go on with `sqa-tui resume` from the last checkpoint, if there is one"
        return TrainingFailure(f"a file could not be written: {reason}", hint)
    return None


def full_disk(error: Exception) -> str:
    """Why a file could not be written to its end, in words; empty where `error` is about something else."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return os.strerror(error.errno or 0)
    text = str(error)
    if isinstance(error, SafetensorError) and "os error" in text:
        code = re.search(r"os error (\d+)", text)
        return os.strerror(int(code[1])) if code and int(code[1]) in _NO_ROOM else ""
    # torch's writer of archives does not say why; there is no other reason for a file that was opened.
    return "the disk takes no more" if isinstance(error, RuntimeError) and _CUT_OFF.search(text) else ""


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in said or "not enough memory" in said)
