"""Masks at work: weights and gradients of some parameters held at zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from engine.sparsify.parameters import NamedParameters


class Masking:
    """Masks over `parameters`: weights are multiplied when a mask changes and after every optimizer step, gradients as
    soon as they are computed, so that clipping sees what the optimizer sees."""

    def __init__(self, parameters: NamedParameters) -> None:
        self.names = [name for name, _ in parameters]
        self.parameters = [parameter for _, parameter in parameters]
        self.masks: list[torch.Tensor] = []
        self._weights: list[torch.Tensor] = list(self.parameters)
        self.active = False
        self.held: list[int] = []
        """Zeros of each mask at work."""
        self._zeros: list[int] | None = None
        self._steps_unmasked = 0
        self._hooks: dict[int, Any] = {}

    @torch.no_grad()
    def hold(self, masks: Sequence[torch.Tensor]) -> None:
        """Put `masks` (True or 1: kept) to work and apply them at once."""
        self.masks = [
            mask.to(device=parameter.device, dtype=parameter.dtype)
            for mask, parameter in zip(masks, self.parameters, strict=True)
        ]
        self.held = count_zeros(self.masks)
        self.active = True
        if self.prunes:
            self._hook_gradients()
            self.apply()
        else:
            self._let_grow()

    @property
    def prunes(self) -> bool:
        """Whether masks are at work that do not keep everything."""
        return any(self.held)

    @torch.no_grad()
    def apply(self) -> None:
        """Multiply the weights by their masks, if these are at work; called after every optimizer step."""
        if self.prunes:
            torch._foreach_mul_(self._weights, self.masks)  # pyright: ignore[reportPrivateImportUsage]
        else:
            self._forget_count()

    def release(self) -> None:
        """Let weights and gradients go."""
        self.active = False
        self.held = []
        self._let_grow()

    def _let_grow(self) -> None:
        self._zeros, self._steps_unmasked = None, 0
        for hook in self._hooks.values():
            hook.remove()
        self._hooks.clear()

    def zeros(self) -> list[int]:
        """Zeros of each parameter: of the masks while they prune anything, of the weights otherwise."""
        if self.prunes:
            return self.held
        if self._zeros is None:
            self._zeros = count_zeros(self.parameters)
        return self._zeros

    def _forget_count(self) -> None:
        """Without masks zeros fill up within a few steps and then stay few: count after 1, 2, 4, 8 … steps."""
        self._steps_unmasked += 1
        if self._steps_unmasked & (self._steps_unmasked - 1) == 0:
            self._zeros = None

    def state_dict(self) -> dict[str, Any]:
        """Masks as booleans and whether they are at work."""
        return {"active": self.active, "masks": [mask.bool().cpu() for mask in self.masks] if self.active else []}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        if state["active"]:
            self.hold(state["masks"])
        else:
            self.release()

    def _hook_gradients(self) -> None:
        for index, parameter in enumerate(self.parameters):
            if index not in self._hooks and parameter.requires_grad:
                self._hooks[index] = parameter.register_hook(lambda gradient, at=index: gradient * self.masks[at])


def count_zeros(tensors: Sequence[torch.Tensor]) -> list[int]:
    """Exact zeros in each of `tensors`, with one wait for the device."""
    if not tensors:
        return []
    kept = torch.stack([torch.count_nonzero(tensor.detach()) for tensor in tensors]).tolist()
    return [tensor.numel() - count for tensor, count in zip(tensors, kept, strict=True)]
