"""Gradients of single batches, taken beside a training without a trace in it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence

import torch
from torch import nn

from engine.sparsify.context import GradientLosses
from engine.sparsify.quantization.fake_quantizer import fake_quantizers
from engine.sparsify.random_state import RandomState


class NotFiniteError(ArithmeticError):
    """A loss or a gradient is NaN or infinite."""


class GradientSampler:
    """Gradients of `model` for the losses that `losses` gives; `title` is who wants them."""

    def __init__(self, model: nn.Module, losses: GradientLosses, title: str) -> None:
        self.model = model
        self.losses = losses
        self.title = title

    def gradients(
        self, parameters: Sequence[nn.Parameter], first: int, count: int, text: str
    ) -> Generator[list[torch.Tensor]]:
        """The gradients of `parameters` for the samples `first` … `first + count - 1`, a list for each sample.

        The model evaluates: no dropout, observers rest. Everything is as it was when the last one was taken; the
        parameters' own gradients are never touched. Raises `NotFiniteError` for a loss that is no number.
        """
        said = f"{self.title}: sampling {count:,} gradients{text}"
        with (
            evaluating(self.model),
            _requiring_gradients(parameters),
            contextlib.closing(self.losses(first, count, said)) as losses,
        ):
            for index in range(first, first + count):
                yield self._gradient(losses, parameters, index)

    def _gradient(
        self, losses: Generator[torch.Tensor], parameters: Sequence[nn.Parameter], index: int
    ) -> list[torch.Tensor]:
        # The mode is set here and not around the loop: between two samples the caller goes on in its own.
        with torch.enable_grad():
            loss = next(losses)
            if not torch.isfinite(loss):
                raise NotFiniteError(f"the loss of gradient sample {index} is {float(loss.detach())}")
            return list(torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True))


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Generator[None]:
    """Evaluation mode, observers at rest, and afterwards every mode, observer and random number as before."""
    numbers = RandomState.now()
    training = [module for module in model.modules() if module.training]
    observing = [quantizer for _, quantizer in fake_quantizers(model) if quantizer.observing]
    model.eval()
    for quantizer in observing:
        quantizer.observing = False
    try:
        yield
    finally:
        for quantizer in observing:
            quantizer.observing = True
        for module in training:
            module.training = True
        numbers.restore()


@contextlib.contextmanager
def _requiring_gradients(parameters: Sequence[nn.Parameter]) -> Generator[None]:
    """Also frozen parameters have gradients inside: they may be pruned."""
    frozen = [parameter for parameter in parameters if not parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
