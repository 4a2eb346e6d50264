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
    """Share of zeros and share aimed at, weighted by size, each parameter once. The target is None before the first
    update and where masks have no target."""
    rows = {name: (size, zeros, target) for name, size, zeros, target in _rows(held)}
    total = sum(size for size, _, _ in rows.values())
    if not total:
        return None, None
    share = sum(zeros for _, zeros, _ in rows.values()) / total
    targets = [(size, target) for size, _, target in rows.values() if target is not None]
    aimed = sum(size * target for size, target in targets) / sum(size for size, _ in targets) if targets else None
    return share, aimed


def _rows(held: Held) -> Iterator[tuple[str, int, int, float | None]]:
    for masking, targets in held:
        zeros = masking.zeros()
        sizes = [parameter.numel() for parameter in masking.parameters]
        yield from zip(masking.names, sizes, zeros, targets, strict=True)


def _zeros(parameter: nn.Parameter) -> int:
    return parameter.numel() - int(torch.count_nonzero(parameter.detach()))


def _is_quantised(module: nn.Module) -> bool:
    return isinstance(getattr(module, "weight_fake_quant", None), FakeQuantizer)
