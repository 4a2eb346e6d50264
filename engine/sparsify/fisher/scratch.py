"""Room on a disk for matrices that memory has no room for."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import torch

from engine.sparsify.ranks import ranks

_LEFT_FREE = 1 << 30
"""Bytes that stay free on the disk: checkpoints need room too."""


class Scratch:
    """A file in `folder` that holds up to `count` float32 numbers and goes with this object, or with the process.

    The system writes it behind the program's back and drops its pages where memory is short. `available` is False
    where the disk has no room; nothing can be stored then.
    """

    def __init__(self, folder: Path | None, count: int) -> None:
        self._free = _mapped(folder, count) if folder is not None and count else None
        if count and not ranks().lowest(int(self._free is not None)):
            self._free = None  # what is not stored is sampled again, and that by all ranks together

    @property
    def available(self) -> bool:
        """Whether there is room."""
        return self._free is not None

    def store(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy of `tensor` that lies in the file."""
        if self._free is None:
            raise RuntimeError("there is no room on the disk")
        stored, self._free = self._free[: tensor.numel()], self._free[tensor.numel() :]
        return stored.view(tensor.shape).copy_(tensor)


def _mapped(folder: Path, count: int) -> torch.Tensor | None:
    """A file without a name as one flat tensor, its room reserved; None where it cannot be had."""
    size = 4 * count
    with contextlib.suppress(OSError, AttributeError):  # no such call on this system, or a full disk
        if shutil.disk_usage(folder).free - size < _LEFT_FREE:
            return None
        handle, path = tempfile.mkstemp(prefix=".fisher-", dir=folder)
        try:
            # Writing to a page for which there is no room would end the process.
            os.posix_fallocate(handle, 0, size)
            return torch.from_file(path, shared=True, size=count, dtype=torch.float32)
        finally:
            os.close(handle)
            os.unlink(path)
    return None
