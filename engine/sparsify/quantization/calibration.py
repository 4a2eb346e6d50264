"""Ranges from batches that nothing is trained on."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager

import torch
from torch import nn

from engine.sparsify.quantization.fake_quantizer import fake_quantizers


def calibrate(model: nn.Module, losses: Iterable[torch.Tensor]) -> None:
    """Let the ranges of all quantizers that are not frozen follow the batches of `losses`, each of which runs `model`
    when it is taken, in evaluation mode (without dropout) and without gradients.

    Rounding is on meanwhile, as in SparseML, so every range is that of tensors that were rounded before.
    """
    with _observing(model), torch.no_grad():
        for _ in losses:
            pass


@contextmanager
def _observing(model: nn.Module) -> Generator[None]:
    """Evaluation mode in which quantizers observe all the same."""
    modes = {module: module.training for module in model.modules()}
    resting = [quantizer for _, quantizer in fake_quantizers(model) if not quantizer.observes_in_eval]
    model.eval()
    for quantizer in resting:
        quantizer.observes_in_eval = True
    try:
        yield
    finally:
        for quantizer in resting:
            quantizer.observes_in_eval = False
        for module, training in modes.items():
            module.training = training
