"""Fake quantization of one tensor: a moving-average range, its scale and zero point, and the rounding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

AVERAGING_CONSTANT = 0.01
SMALLEST_SCALE = float(torch.finfo(torch.float32).eps)


@dataclass(frozen=True)
class QuantizationArguments:
    """Integers a tensor is rounded to: signed or not, symmetric around zero or not, and how many bits."""

    signed: bool
    symmetric: bool
    bits: int = 8
    reduce_range: bool = False

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest integer; `reduce_range` gives up one bit."""
        bits = self.bits - 1 if self.reduce_range else self.bits
        return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if self.signed else (0, 2**bits - 1)


ASYMMETRIC_UNSIGNED = QuantizationArguments(signed=False, symmetric=False)
SYMMETRIC_UNSIGNED = QuantizationArguments(signed=False, symmetric=True)
ASYMMETRIC_SIGNED = QuantizationArguments(signed=True, symmetric=False)
SYMMETRIC_SIGNED = QuantizationArguments(signed=True, symmetric=True)


class FakeQuantizer(nn.Module):
    """Rounds a tensor to the integers of `arguments` and back, per tensor, in float32, gradients straight through.

    While observing (training mode only, unless `observes_in_eval`) the range follows the tensor: the first tensor sets
    it, every further one moves it by a hundredth of the difference. Before the first there is no scale, and tensors
    pass as they are. The state holds scale, zero point, range and both switches. Arithmetic is that of
    `torch.ao.quantization.MovingAverageMinMaxObserver` and `FakeQuantize`.
    """

    scale: torch.Tensor
    zero_point: torch.Tensor
    min_val: torch.Tensor
    max_val: torch.Tensor
    observer_enabled: torch.Tensor
    fake_quant_enabled: torch.Tensor

    def __init__(self, arguments: QuantizationArguments, *, observes_in_eval: bool = False) -> None:
        super().__init__()
        self.arguments = arguments
        self.quant_min, self.quant_max = arguments.range
        self.observes_in_eval = observes_in_eval
        # The switches are looked at in every forward pass: as plain values they cost no wait for the device.
        self._observing = True
        self._rounding = True
        self._calibrated = False
        self.register_buffer("scale", torch.tensor(1.0))
        self.register_buffer("zero_point", torch.tensor(0, dtype=torch.int32))
        self.register_buffer("min_val", torch.tensor(float("inf")))
        self.register_buffer("max_val", torch.tensor(float("-inf")))
        self.register_buffer("observer_enabled", torch.tensor(1, dtype=torch.uint8))
        self.register_buffer("fake_quant_enabled", torch.tensor(1, dtype=torch.uint8))

    @property
    def observing(self) -> bool:
        """Whether the range still follows the tensors."""
        return self._observing

    @observing.setter
    def observing(self, value: bool) -> None:
        self._observing = value
        self.observer_enabled.fill_(int(value))

    @property
    def rounding(self) -> bool:
        """Whether tensors are rounded at all; off while ranges are only calibrated."""
        return self._rounding

    @rounding.setter
    def rounding(self, value: bool) -> None:
        self._rounding = value
        self.fake_quant_enabled.fill_(int(value))

    @property
    def calibrated(self) -> bool:
        """Whether there is a scale."""
        return self._calibrated

    def fix(self, scale: float, zero_point: int) -> None:
        """Take a scale and zero point as given and observe no more; the range becomes what they reach."""
        self.scale.fill_(scale)
        self.zero_point.fill_(zero_point)
        self.min_val.fill_(scale * (self.quant_min - zero_point))
        self.max_val.fill_(scale * (self.quant_max - zero_point))
        self.observing, self._calibrated = False, True

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        values = tensor.float()
        if self._observing and (self.training or self.observes_in_eval):
            self._observe(values.detach())
        if not (self._rounding and self._calibrated):
            return tensor
        rounded = torch.fake_quantize_per_tensor_affine(
            values, self.scale, self.zero_point, self.quant_min, self.quant_max
        )
        return rounded.to(tensor.dtype)

    @torch.no_grad()
    def _observe(self, values: torch.Tensor) -> None:
        if values.numel() == 0:
            return
        low, high = torch.aminmax(values)
        started = torch.isfinite(self.min_val)
        self.min_val.copy_(torch.where(started, self.min_val + AVERAGING_CONSTANT * (low - self.min_val), low))
        self.max_val.copy_(torch.where(started, self.max_val + AVERAGING_CONSTANT * (high - self.max_val), high))
        self._follow_range()
        self._calibrated = True

    def _follow_range(self) -> None:
        low = self.min_val.clamp(max=0.0)
        high = self.max_val.clamp(min=0.0)
        steps = float(self.quant_max - self.quant_min)
        if self.arguments.symmetric:
            scale = torch.maximum(-low, high) / (steps / 2)
            self.scale.copy_(scale.clamp(min=SMALLEST_SCALE))
            self.zero_point.fill_(self._middle())
            return
        self.scale.copy_(((high - low) / steps).clamp(min=SMALLEST_SCALE))
        zero_point = self.quant_min - torch.round(low / self.scale).to(torch.int32)
        self.zero_point.copy_(zero_point.clamp(self.quant_min, self.quant_max))

    def _middle(self) -> int:
        """The zero point of a symmetric range: torch rounds the middle of 0 … 255 up, that of others down."""
        if self.arguments.signed:
            return 0
        return 128 if self.quant_max == 255 else self.quant_max // 2

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *arguments)
        self._observing = bool(self.observer_enabled.item())
        self._rounding = bool(self.fake_quant_enabled.item())
        self._calibrated = bool(torch.isfinite(self.min_val).item())

    def extra_repr(self) -> str:
        kind = "symmetric" if self.arguments.symmetric else "asymmetric"
        return f"{self.quant_min}..{self.quant_max} {kind}"


def fake_quantizers(model: nn.Module) -> Iterator[tuple[str, FakeQuantizer]]:
    """Every fake quantizer of `model` with its path, in module order."""
    for name, module in model.named_modules():
        if isinstance(module, FakeQuantizer):
            yield name, module
