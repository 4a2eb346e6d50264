"""How sparse a model is: layer by layer and over all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from engine.sparsify.context import LayerReport
from engine.sparsify.masking import Masking
from engine.sparsify.parameters import prunable_parameters
from engine.sparsify.quantization.fake_quantizer import FakeQuantizer

Held = Sequence[tuple[Masking, Sequence[float | None]]]


def layer_reports(model: nn.Module, held: Held) -> list[LayerReport]:
    """One report for each prunable weight of `model`; zeros of masked weights are read from the masks."""
    known = {name: (zeros, target) for name, _, zeros, target in _rows(held)}
    quantised = {f"{name}.weight" for name, module in model.named_modules() if _is_quantised(module)}
    reports: list[LayerReport] = []
    for name, parameter in prunable_parameters(model):
        zeros, target = known[name] if name in known else (_zeros(parameter), None)
        share = zeros / max(parameter.numel(), 1)
        reports.append(LayerReport(name, tuple(parameter.shape), share, target, name in quantised))
    return reports


def overall_sparsity(held: Held) -> tuple[float | None, float | None]:
    """Share of zeros and share aimed at, weighted by size, each parameter once; what nothing is aimed at counts as it
    is. The target is None before the first update and where no mask has a target."""
    rows = _rows(held)
    total = sum(size for _, size, _, _ in rows)
    if not total:
        return None, None
    share = sum(zeros for _, _, zeros, _ in rows) / total
    aims = [zeros if target is None else size * target for _, size, zeros, target in rows]
    return share, None if all(target is None for _, _, _, target in rows) else sum(aims) / total


Row = tuple[str, int, int, float | None]
"""Name, size, zeros and target of a parameter."""


def _rows(held: Held) -> list[Row]:
    """Each masked parameter once: where several masks hold it, the largest of their zeros and targets count."""
    found: dict[str, Row] = {}
    for name, size, zeros, target in _each(held):
        _, _, most, highest = found.get(name, (name, size, 0, None))
        aims = [aim for aim in (highest, target) if aim is not None]
        found[name] = name, size, max(zeros, most), max(aims, default=None)
    return list(found.values())


def _each(held: Held) -> Iterator[Row]:
    for masking, targets in held:
        zeros = masking.zeros()
        sizes = [parameter.numel() for parameter in masking.parameters]
        yield from zip(masking.names, sizes, zeros, targets, strict=True)


def _zeros(parameter: nn.Parameter) -> int:
    return parameter.numel() - int(torch.count_nonzero(parameter.detach()))


def _is_quantised(module: nn.Module) -> bool:
    return isinstance(getattr(module, "weight_fake_quant", None), FakeQuantizer)
