"""Rounding to integers and back on the CPU, several times as fast as torch's kernel and equal to it in every value."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.float32]

PIECE = 1 << 15
"""Values that are rounded at once: the passes over them stay in the cache."""
FEW_THREADS = 8
"""With more of them torch's kernel, which shares the work out and is not vectorised, catches up."""


class Grid(NamedTuple):
    """Integers from `low` to `high`, `zero_point` among them, times `scale`."""

    scale: float
    zero_point: int
    low: int
    high: int


def suits(values: torch.Tensor) -> bool:
    """Whether `values` are better rounded here. What is traced or compiled has to see torch's own operation."""
    if values.device.type != "cpu" or values.dtype is not torch.float32 or values.layout is not torch.strided:
        return False
    recorded = torch.jit.is_tracing() or torch.compiler.is_compiling()  # pyright: ignore[reportPrivateImportUsage]
    return not recorded and torch.get_num_threads() < FEW_THREADS


def round_to(values: torch.Tensor, grid: Grid) -> torch.Tensor:
    """`values` at the nearest points of `grid`; gradients pass where the nearest integer lies between its ends."""
    return _Rounding.apply(values, grid)  # pyright: ignore[reportReturnType]


class _Rounding(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, grid: Grid) -> torch.Tensor:
        rounded, ctx.inside = _round(values.detach().contiguous().numpy(), grid, inside=ctx.needs_input_grad[0])
        return torch.from_numpy(rounded)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (gradient,) = gradients
        if ctx.inside.all():
            return gradient, None
        return torch.from_numpy(np.multiply(gradient.detach().contiguous().numpy(), ctx.inside)), None


def _round(values: Floats, grid: Grid, *, inside: bool) -> tuple[Floats, npt.NDArray[np.bool_] | None]:
    """The rounded values and, where `inside` is wanted, which of them lie between the ends of the grid."""
    scale, inverse = np.float32(grid.scale), np.float32(1) / np.float32(grid.scale)
    low, high = np.float32(grid.low - grid.zero_point), np.float32(grid.high - grid.zero_point)
    rounded = np.empty_like(values)
    within = np.empty(values.shape, dtype=np.bool_) if inside else None
    flat, out, kept = values.reshape(-1), rounded.reshape(-1), None if within is None else within.reshape(-1)
    buffer = np.empty(min(PIECE, flat.size), dtype=np.float32)
    for start in range(0, flat.size, PIECE):
        piece = out[start : start + PIECE]
        integers = buffer[: piece.size]
        np.multiply(flat[start : start + PIECE], inverse, out=integers)
        np.rint(integers, out=integers)
        np.clip(integers, low, high, out=piece)
        if kept is not None:
            np.equal(integers, piece, out=kept[start : start + PIECE])
        piece *= scale
    return rounded, within
