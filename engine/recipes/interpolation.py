"""Target sparsity as a function of the epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from engine.recipes.modifiers import ACDCPruningModifier, GradualParamModifier, GradualPruningModifier

_EPSILON = sys.float_info.epsilon


def interpolate(x: float, x0: float, x1: float, y0: float, y1: float, function: str) -> float:
    """The value at `x` of a curve from (x0, y0) to (x1, y1): linear, cubic (fast first) or inverse_cubic.

    Before x0 it is y0, after x1 it is y1; where both are one point it is y1. The operands stand in an order that
    reproduces SparseML's floats.
    """
    if x0 == x1:
        return y1
    proportion = (x - x0) / (x1 - x0)
    share = _share(min(proportion, 1.0), function)
    if share <= _EPSILON:
        return y0
    if share >= 1 - _EPSILON:
        return y1
    return share * (y1 - y0) + y0


def _share(proportion: float, function: str) -> float:
    if function == "cubic":
        return 1 - pow(1 - proportion, 3)
    if function == "inverse_cubic":
        return 1 - pow(1 - proportion, 1 / 3)
    return proportion


def targets(modifier: GradualPruningModifier) -> tuple[float, ...]:
    """Every final sparsity a modifier names: one, or those of its mapping."""
    final = modifier.final_sparsity
    return tuple(final) if isinstance(final, Mapping) else (final,)


def sparsity_at(
    modifier: GradualPruningModifier,
    epoch: float,
    *,
    initial: float | None = None,
    final: float | None = None,
    sparseml_compatible: bool = False,
) -> float:
    """The target sparsity of an update at `epoch`.

    `initial` replaces `init_sparsity` where that is to be taken from the parameter (0 if not given), `final` chooses
    one of several final sparsities (default: the largest). A start of -1 counts as 0, in SparseML as -1.
    """
    if initial is None:
        initial = 0.0 if isinstance(modifier.init_sparsity, str) else modifier.init_sparsity
    if final is None:
        final = max(targets(modifier))
    start = modifier.start_epoch if sparseml_compatible else modifier.begins
    return interpolate(epoch, start, modifier.end_epoch, initial, final, modifier.inter_func)


def alternating_sparsity_at(modifier: ACDCPruningModifier, epoch: float, *, sparseml_compatible: bool = False) -> float:
    """The sparsity of an update of alternating pruning: 0 in dense phases; the last phase is never dense.

    A start of -1 counts as 0, in SparseML as -1.
    """
    start = modifier.start_epoch if sparseml_compatible else modifier.begins
    phase = (epoch - start) // modifier.update_frequency
    dense = phase % 2 == 0 and modifier.end_epoch - modifier.update_frequency > epoch
    return 0.0 if dense else modifier.compression_sparsity


def moved_share_at(modifier: GradualParamModifier, epoch: float, *, sparseml_compatible: bool = False) -> float:
    """How far parameters are on the way from `init_val` (0) to `final_val` (1).

    A start of -1 counts as 0; in SparseML it is -1, and `inter_func` is not heeded.
    """
    start = modifier.start_epoch if sparseml_compatible else modifier.begins
    function = "linear" if sparseml_compatible else modifier.inter_func
    return interpolate(epoch, start, modifier.end_epoch, 0.0, 1.0, function)
