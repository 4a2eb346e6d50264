"""Fake quantization of one tensor: a range that follows it, its scale and zero point, and the rounding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from engine.sparsify.quantization.arguments import QuantizationArguments
from engine.sparsify.quantization.rounding import Grid, round_to, suits


class FakeQuantizer(nn.Module):
    """Rounds a tensor to the integers of `arguments` and back, in float32, gradients straight through.

    While observing (training mode only, unless `observes_in_eval`) the range follows the tensor: the first tensor sets
    it, every further one moves it by a share of the difference. Before the first there is no scale, and tensors
    pass as they are. The state holds scale, zero point, range and both switches; with `channels`, which must be given
    where the arguments are for channels, there is a scale, zero point and range for each row of the tensor. Arithmetic
    is that of torch's `MovingAverageMinMaxObserver`, `MovingAveragePerChannelMinMaxObserver`, `MinMaxObserver` and
    `PerChannelMinMaxObserver` with `FakeQuantize`.
    """

    scale: torch.Tensor
    zero_point: torch.Tensor
    min_val: torch.Tensor
    max_val: torch.Tensor
    observer_enabled: torch.Tensor
    fake_quant_enabled: torch.Tensor

    def __init__(
        self, arguments: QuantizationArguments, *, channels: int | None = None, observes_in_eval: bool = False
    ) -> None:
        if arguments.per_channel and channels is None:
            raise ValueError("the number of channels is not given")
        super().__init__()
        self.arguments = arguments
        self.quant_min, self.quant_max = arguments.range
        self.observes_in_eval = observes_in_eval
        # The switches are looked at in every forward pass: as plain values they cost no wait for the device.
        self._observing = True
        self._rounding = True
        self._calibrated = False
        shape = (channels or 0,) if arguments.per_channel else ()
        self.register_buffer("scale", torch.ones(shape))
        self.register_buffer("zero_point", torch.zeros(shape, dtype=torch.int32))
        self.register_buffer("min_val", torch.full(shape, float("inf")))
        self.register_buffer("max_val", torch.full(shape, float("-inf")))
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

    def take_range(self, low: torch.Tensor, high: torch.Tensor) -> None:
        """Go on observing from this range, in the shape of the own one."""
        self.min_val.copy_(low)
        self.max_val.copy_(high)
        self._follow_range()

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        values = tensor.float()
        if self._observing and (self.training or self.observes_in_eval):
            self._observe(values.detach())
        if not (self._rounding and self._calibrated):
            return tensor
        return self._round(values).to(tensor.dtype)

    def _round(self, values: torch.Tensor) -> torch.Tensor:
        limits = (self.quant_min, self.quant_max)
        if self.arguments.per_channel:
            return torch.fake_quantize_per_channel_affine(values, self.scale, self.zero_point, 0, *limits)
        if suits(values):
            return round_to(values, Grid(self.scale.item(), int(self.zero_point.item()), *limits))
        return torch.fake_quantize_per_tensor_affine(values, self.scale, self.zero_point, *limits)

    @torch.no_grad()
    def _observe(self, values: torch.Tensor) -> None:
        if values.numel() == 0:
            return
        low, high = torch.aminmax(values.flatten(1), dim=1) if self.arguments.per_channel else torch.aminmax(values)
        share = self.arguments.averaging_constant
        if share is None:
            self._widen(low, high)
        else:
            self._move(low, high, share)
        self._follow_range()
        self._calibrated = True

    def _widen(self, low: torch.Tensor, high: torch.Tensor) -> None:
        self.min_val.copy_(torch.minimum(self.min_val, low))
        self.max_val.copy_(torch.maximum(self.max_val, high))

    def _move(self, low: torch.Tensor, high: torch.Tensor, share: float) -> None:
        started = torch.isfinite(self.min_val)
        self.min_val.copy_(torch.where(started, self.min_val + share * (low - self.min_val), low))
        self.max_val.copy_(torch.where(started, self.max_val + share * (high - self.max_val), high))

    def _follow_range(self) -> None:
        low = self.min_val.clamp(max=0.0)
        high = self.max_val.clamp(min=0.0)
        steps = float(self.quant_max - self.quant_min)
        smallest = self.arguments.smallest_scale
        if self.arguments.symmetric:
            scale = torch.maximum(-low, high) / (steps / 2)
            self.scale.copy_(scale.clamp(min=smallest))
            self.zero_point.fill_(self.arguments.middle)
            return
        self.scale.copy_(((high - low) / steps).clamp(min=smallest))
        zero_point = self.quant_min - torch.round(low / self.scale).to(torch.int32)
        self.zero_point.copy_(zero_point.clamp(self.quant_min, self.quant_max))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *arguments)
        self._observing = bool(self.observer_enabled.item())
        self._rounding = bool(self.fake_quant_enabled.item())
        self._calibrated = bool(torch.isfinite(self.min_val).all())

    def extra_repr(self) -> str:
        kind = "symmetric" if self.arguments.symmetric else "asymmetric"
        channels = f" x {self.scale.numel()}" if self.arguments.per_channel else ""
        return f"{self.quant_min}..{self.quant_max} {kind}{channels}"


def fake_quantizers(model: nn.Module) -> Iterator[tuple[str, FakeQuantizer]]:
    """Every fake quantizer of `model` with its path, in module order."""
    for name, module in model.named_modules():
        if isinstance(module, FakeQuantizer):
            yield name, module
