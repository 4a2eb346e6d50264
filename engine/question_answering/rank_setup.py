"""What a rank does before it trains: it meets the others."""

from __future__ import annotations

import os

import torch

from engine.errors import UserError
from engine.question_answering.process_layout import LAST_FAILURE
from engine.runs.recorder import RunRecorder
from engine.runs.spec import RunSpec
from engine.sparsify.ranks import Ranks, join

_TIMEOUT = 1800


def join_ranks(spec: RunSpec) -> Ranks:
    """Meet the other ranks: over nccl, each with a GPU of its own, or over gloo on CPUs."""
    on_gpu = torch.cuda.is_available() and not spec.arguments.get("use_cpu")
    if on_gpu:
        place, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= gpus:
            count = os.environ["LOCAL_WORLD_SIZE"]
            raise UserError(f"--nproc_per_node is {count}, but this machine has {gpus} GPUs", f"give {gpus} at most")
        torch.cuda.set_device(place)
    backend = spec.arguments.get("ddp_backend") or ("nccl" if on_gpu else "gloo")
    return join(str(backend), float(spec.arguments.get("ddp_timeout") or _TIMEOUT))


def say_restart(recorder: RunRecorder) -> None:
    """Tell that, and why, the ranks were started again."""
    count, most = (int(os.environ.get(f"TORCHELASTIC_{name}", "0")) for name in ("RESTART_COUNT", "MAX_RESTARTS"))
    if count:
        message = f"{os.environ.get(LAST_FAILURE, 'a rank failed')}; all were started again ({count} of {most})"
        recorder.emit("alert", level="warning", message=message, hint="the run goes on from its last checkpoint")
