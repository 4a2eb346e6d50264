"""Maps from the size of a student's layers to that of its teacher's, trained with the student."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


class Projections:
    """A bias-free linear map, for images a 1x1 convolution, for each of some pairs of layers.

    They take part in the optimizer as a group of their own from the loss to the end of the step. Between steps they
    are not in it, so that its checkpoints and learning-rate schedulers find what they know. Their learning rate is
    that of the optimizer's first group, its other settings are the optimizer's defaults.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.layers: list[nn.Module] = []
        self.group: dict[str, Any] | None = None
        self._moments: dict[torch.Tensor, dict[str, Any]] = {}
        self._joined = False

    @property
    def weights(self) -> list[torch.Tensor]:
        """The weight of every projection."""
        return [weight for layer in self.layers for weight in layer.parameters()]

    def make(self, pairs: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Draw projections for pairs of outputs, student's and teacher's, once."""
        if not self.layers:
            self.layers = [_drawn(output, taught) for output, taught in pairs]

    def join(self) -> None:
        """Enter the optimizer."""
        if self._joined or not self.layers:
            return
        if self.group is None:
            self.optimizer.add_param_group({"params": self.weights})
            self.group = self.optimizer.param_groups[-1]
        else:
            self.optimizer.param_groups.append(self.group)
        self.optimizer.state.update(self._moments)
        self._joined = True
        self.follow()

    def follow(self) -> None:
        """Take over the learning rate."""
        if self.group is not None:
            self.group["lr"] = self.optimizer.param_groups[0]["lr"]

    def leave(self) -> None:
        """Leave the optimizer with what it knows of the projections; their gradients are done with."""
        if not self._joined:
            return
        state, groups = self.optimizer.state, self.optimizer.param_groups
        self._moments = {weight: state.pop(weight) for weight in self.weights if weight in state}
        groups[:] = [group for group in groups if group is not self.group]
        for weight in self.weights:
            weight.grad = None
        self._joined = False

    def state_dict(self) -> dict[str, Any]:
        """Weights, the optimizer's memory of them and the settings of their group; taken between steps."""
        return {
            "weights": [weight.detach() for weight in self.weights],
            "moments": [self._moments.get(weight, {}) for weight in self.weights],
            "settings": {name: value for name, value in (self.group or {}).items() if name != "params"},
        }

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Take up what `state_dict` gave, on `device`."""
        self.leave()
        self.layers = [_restored(weight.to(device)) for weight in state["weights"]]
        self.group = {"params": self.weights, **state["settings"]} if state["settings"] else None
        self._moments = {}
        on_device = bool(state["settings"].get("fused") or state["settings"].get("capturable"))
        for weight, moments in zip(self.weights, state["moments"], strict=True):
            # Adam keeps its count of steps on the CPU unless it runs fused.
            moved = {name: _moved(value, device, name != "step" or on_device) for name, value in moments.items()}
            if moved:
                self._moments[weight] = moved


def _drawn(output: torch.Tensor, taught: torch.Tensor) -> nn.Module:
    if output.dim() == 4:
        return nn.Conv2d(output.shape[1], taught.shape[1], 1, bias=False, device=output.device)
    return nn.Linear(output.shape[-1], taught.shape[-1], bias=False, device=output.device)


def _restored(weight: torch.Tensor) -> nn.Module:
    """A projection with this weight; no random number is drawn."""
    size, width, *image = weight.shape
    layer = nn.Conv2d(width, size, 1, bias=False, device="meta") if image else nn.Linear(width, size, False, "meta")
    layer.weight = nn.Parameter(weight.clone())
    return layer


def _moved(value: Any, device: torch.device, moves: bool) -> Any:
    return value.to(device) if moves and isinstance(value, torch.Tensor) else value
