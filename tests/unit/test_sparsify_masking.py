"""Masks at work on weights and gradients, whatever the type of the numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.sparsify.masking import Masking, count_zeros

TYPES = [torch.float32, torch.float64, torch.bfloat16]


def _held(kind: torch.dtype) -> tuple[nn.Linear, Masking, torch.Tensor]:
    layer = nn.Linear(6, 4, dtype=kind)
    masking = Masking(list(nn.ParameterDict({"weight": layer.weight}).named_parameters()))
    mask = torch.rand(4, 6, generator=torch.Generator().manual_seed(0)) > 0.5
    masking.hold([mask.float()])
    return layer, masking, mask


@pytest.mark.parametrize("kind", TYPES)
def test_weights_and_gradients_stay_zero_where_masked(kind: torch.dtype) -> None:
    layer, masking, mask = _held(kind)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        layer(torch.ones(3, 6, dtype=kind)).square().sum().backward()
        gradient = layer.weight.grad
        assert gradient is not None
        assert not gradient[~mask].any()
        assert gradient[mask].all()
        optimizer.step()
        with torch.no_grad():
            layer.weight += 1  # as an optimizer would that knows nothing of masks
        masking.apply()
        assert not layer.weight[~mask].any()
        assert layer.weight[mask].all()
        optimizer.zero_grad()


@pytest.mark.parametrize("kind", TYPES)
def test_zeros_are_counted_in_floats_and_masks(kind: torch.dtype) -> None:
    layer, masking, mask = _held(kind)
    dropped = int((~mask).sum())
    assert masking.held == count_zeros([layer.weight]) == count_zeros(masking.masks) == [dropped]
    assert count_zeros([]) == []


def test_masks_are_booleans_and_their_state_comes_back() -> None:
    _, masking, mask = _held(torch.float32)
    assert [held.dtype for held in masking.masks] == [torch.bool]
    other = Masking([("weight", nn.Parameter(torch.ones(4, 6)))])
    other.load_state_dict(masking.state_dict())
    assert torch.equal(other.masks[0], mask)
    assert torch.equal(other.parameters[0], mask.float())


def test_gradients_of_gradients_pass_the_mask() -> None:
    weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    Masking([("weight", weight)]).hold([torch.tensor([True, False, True])])
    (gradient,) = torch.autograd.grad(weight.pow(3).sum(), weight, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), weight)
    assert gradient.tolist() == [3.0, 0.0, 27.0]
    assert second.tolist() == [6.0, 0.0, 18.0]
