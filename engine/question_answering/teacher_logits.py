"""What a teacher says of each window, kept on disk: it is asked once, not once an epoch."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from engine.recipes.refusals import OUTPUTS


class TeacherLogits:
    """Start and end logits of `windows` windows of at most `length` tokens, exact (float32), memory-mapped.

    A window is kept as far as it was padded when the teacher saw it. Each row has a checksum, so that what a power
    failure left half-written is asked for again. Raises `OSError` where there is no room.
    """

    def __init__(self, folder: Path, name: str, windows: int, length: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._logits = _mapped(folder / f"{name}.logits", np.dtype(np.float32), (windows, len(OUTPUTS), length))
        self._rows = _mapped(folder / f"{name}.rows", np.dtype(np.uint32), (windows, 2))

    def get(self, windows: Sequence[int], length: int) -> dict[str, torch.Tensor] | None:
        """Logits [batch, length] by output, in float32 on the CPU; None unless all of `windows` are kept that far."""
        if any(self._rows[window, 0] < length for window in windows):
            return None
        if any(self._checksum(window) != self._rows[window, 1] for window in windows):
            return None
        batch = torch.from_numpy(self._logits[list(windows), :, :length])
        return {name: batch[:, place] for place, name in enumerate(OUTPUTS)}

    def put(self, windows: Sequence[int], outputs: dict[str, torch.Tensor]) -> None:
        """Keep `outputs` ([batch, length] each) of those windows that are not kept that far already."""
        batch = torch.stack([outputs[name].float() for name in OUTPUTS], dim=1).cpu().numpy()
        length = batch.shape[-1]
        for window, logits in zip(windows, batch, strict=True):
            if self._rows[window, 0] < length or self._checksum(window) != self._rows[window, 1]:
                self._logits[window, :, :length] = logits
                self._rows[window] = length, zlib.crc32(np.ascontiguousarray(logits).data)

    @property
    def kept(self) -> int:
        """Windows of which something is kept."""
        return int(np.count_nonzero(self._rows[:, 0]))

    def _checksum(self, window: int) -> int:
        length = int(self._rows[window, 0])
        return zlib.crc32(np.ascontiguousarray(self._logits[window, :, :length]).data)


def _mapped(path: Path, kind: np.dtype[np.generic], shape: tuple[int, ...]) -> np.ndarray:
    """A file of zeros as an array. Its room is taken at once: a full disk would kill the process at a later write."""
    size = int(np.prod(shape)) * kind.itemsize
    if not path.exists() or path.stat().st_size != size:
        made = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with made.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
            if path.exists() and path.stat().st_size != size:
                path.unlink()
            # Of several processes the first gives it its name, and all of them use that file.
            with contextlib.suppress(FileExistsError):
                os.link(made, path)
        finally:
            made.unlink(missing_ok=True)
    return np.memmap(path, dtype=kind, mode="r+", shape=shape).view(np.ndarray)
