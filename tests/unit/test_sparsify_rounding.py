"""Our rounding on the CPU is torch's fake quantization, forwards and backwards, value for value."""

from __future__ import annotations

import pytest
import torch

from engine.sparsify.quantization import rounding
from engine.sparsify.quantization.rounding import Grid, round_to, suits

GRIDS = [Grid(0.02, 0, -128, 127), Grid(0.0173, 37, 0, 255), Grid(1.2e-7, -8, -8, 7), Grid(0.5, 2, 0, 3)]
SHAPES = [(7,), (3, 5, 4), (3, rounding.PIECE // 2), (0, 4)]


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_those_of_torch(shape: tuple[int, ...], grid: Grid) -> None:
    generator = torch.Generator().manual_seed(0)
    reach = grid.scale * (grid.high - grid.low)
    values = torch.randn(shape, generator=generator) * reach
    halves = torch.tensor([0.5, 1.5, -2.5, 0.0, -0.0, 3.0])[: values.numel()]  # go to even integers
    values.view(-1)[: halves.numel()] = halves * grid.scale
    own, theirs = (values.clone().requires_grad_() for _ in range(2))
    gradient = torch.randn(shape, generator=generator)
    found = round_to(own, grid)
    found.backward(gradient)
    scale, zero_point = torch.tensor(grid.scale), torch.tensor(grid.zero_point, dtype=torch.int32)
    wanted = torch.fake_quantize_per_tensor_affine(theirs, scale, zero_point, grid.low, grid.high)
    wanted.backward(gradient)
    assert torch.equal(found, wanted)
    assert own.grad is not None
    assert theirs.grad is not None
    assert torch.equal(own.grad, theirs.grad)


def test_a_transposed_tensor_keeps_its_places() -> None:
    values = torch.randn(5, 9).t()
    wanted = torch.fake_quantize_per_tensor_affine(values, 0.1, 3, 0, 15)
    assert torch.equal(round_to(values, Grid(0.1, 3, 0, 15)), wanted)


def test_what_is_traced_sees_the_operation_of_torch() -> None:
    seen: list[bool] = []

    def function(values: torch.Tensor) -> torch.Tensor:
        seen.append(suits(values))
        return values * 2

    torch.jit.trace(function, torch.zeros(2), check_trace=False)
    assert seen == [False]
    assert not suits(torch.zeros(2, dtype=torch.bfloat16))
