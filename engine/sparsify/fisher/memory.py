"""How much memory Fisher matrices may take."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil
import torch

from engine.sparsify.ranks import ranks

SHARE = 0.4
"""Of all memory; the rest is for model, optimizer, teacher and activations."""
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def fisher_memory(device: torch.device) -> int:
    """Bytes for Fisher matrices on `device`.

    It follows from what the machine has, not from what is free, so that the same run is cut into the same passes; of
    several processes each takes what all of them have.
    """
    if device.type == "cuda":
        return ranks().lowest(int(torch.cuda.get_device_properties(device).total_memory * SHARE))
    total = int(psutil.virtual_memory().total)
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        total = min(total, int(_CONTAINER_LIMIT.read_text()))
    return ranks().lowest(int(total * SHARE) // ranks().here)
