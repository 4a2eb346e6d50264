"""Inverse Fisher matrices against their definition."""

from __future__ import annotations

import pytest
import torch

from engine.question_answering.gradient_batches import BatchOrder
from engine.sparsify.fisher import FisherRows, FisherSums
from engine.sparsify.fisher import memory as fisher_memory_module
from engine.sparsify.fisher.memory import SHARE, fisher_memory

CPU = torch.device("cpu")


def _gradients(count: int, size: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(0)) * scale


def _defined(gradients: torch.Tensor, block: int, damp: float) -> torch.Tensor:
    """The inverse of damp · 1 + Gᵀ G / m with everything outside the blocks left out, in double precision."""
    matrix = gradients.double().mT @ gradients.double() / len(gradients)
    places = torch.arange(gradients.shape[1]) // (block or gradients.shape[1])
    matrix[places[:, None] != places[None, :]] = 0.0
    return torch.linalg.inv(matrix + damp * torch.eye(len(places), dtype=torch.float64))


@pytest.mark.parametrize(("size", "block"), [(30, 1), (30, 8), (32, 8), (30, 50), (7, 4)])
@pytest.mark.parametrize("count", [1, 16, 37])
def test_blocks_are_the_inverse(size: int, block: int, count: int) -> None:
    gradients, damp = _gradients(count, size), 0.01
    sums = FisherSums(size, block, CPU)
    rows = FisherRows(size, block, count, CPU)
    for gradient in gradients:
        sums.add(gradient)
        rows.add(gradient)
    wanted = _defined(gradients, block, damp)
    vector = _gradients(1, size)[0]
    for fisher in (sums.inverse(damp), rows.inverse(damp)):
        assert fisher is not None
        torch.testing.assert_close(fisher.diagonal().double(), wanted.diagonal(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(fisher.times(vector).double(), wanted @ vector.double(), rtol=1e-4, atol=1e-3)


def test_runs_of_four_are_solved_in_their_block() -> None:
    gradients, damp = _gradients(20, 24), 0.05
    sums = FisherSums(24, 16, CPU)
    for gradient in gradients:
        sums.add(gradient)
    fisher, wanted, vector = sums.inverse(damp), _defined(gradients, 16, damp), _gradients(1, 24)[0]
    assert fisher is not None
    solved = [
        torch.linalg.solve(wanted[at : at + 4, at : at + 4], vector[at : at + 4].double()) for at in range(0, 24, 4)
    ]
    torch.testing.assert_close(fisher.solved_runs(vector).double(), torch.cat(solved), rtol=1e-4, atol=1e-5)


def test_pruned_weights_are_apart_from_the_others() -> None:
    gradients, kept = _gradients(9, 8), torch.tensor([True, False, True, True, False, True, True, True])
    sums, rows = FisherSums(8, 8, CPU), FisherRows(8, 8, 9, CPU)
    for gradient in gradients:
        sums.add(gradient)
        rows.add(gradient)
    wanted = _defined(gradients * kept, 8, 0.1)
    for fisher in (sums.inverse(0.1, kept), rows.inverse(0.1, kept)):
        assert fisher is not None
        torch.testing.assert_close(fisher.diagonal().double(), wanted.diagonal(), rtol=1e-5, atol=1e-5)


def test_a_damp_below_rounding_still_gives_an_inverse() -> None:
    """Few large gradients and a tiny damp: the sums in float32 are not positive definite any more."""
    gradients = _gradients(2, 32, scale=1e3)
    sums = FisherSums(32, 32, CPU)
    for gradient in gradients:
        sums.add(gradient)
    fisher = sums.inverse(1e-6)
    assert fisher is not None
    (matrix,) = fisher.matrices.double()
    assert torch.linalg.eigvalsh(matrix).min() >= -1.0
    # Where no gradient points the inverse is that of the damp alone: 30 of 32 directions.
    assert float(matrix.trace()) == pytest.approx(30 / 1e-6, rel=0.05)


def test_numbers_that_are_none_are_told() -> None:
    for collector in (FisherSums(6, 4, CPU), FisherRows(6, 4, 2, CPU)):
        collector.add(torch.tensor([1.0, 2.0, float("nan"), 0.0, 0.0, 0.0]))
        assert collector.inverse(0.1) is None


def test_memory_is_a_share_of_what_the_container_may_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    limit = tmp_path_factory.mktemp("cgroup") / "memory.max"
    monkeypatch.setattr(fisher_memory_module, "_CONTAINER_LIMIT", limit)
    whole = fisher_memory(CPU)
    limit.write_text("max\n")
    assert fisher_memory(CPU) == whole
    limit.write_text("1000000\n")
    assert fisher_memory(CPU) == int(1000000 * SHARE)


def test_batches_follow_from_their_place_alone() -> None:
    order = BatchOrder(count=10, batch_size=4, seed=3)
    rounds = [[order.windows(turn * order.batches + place) for place in range(3)] for turn in range(2)]
    for batches in rounds:
        assert [len(batch) for batch in batches] == [4, 4, 2]
        assert sorted(window for batch in batches for window in batch) == list(range(10))
    assert rounds[0] != rounds[1]
    torch.manual_seed(0)
    assert BatchOrder(count=10, batch_size=4, seed=3).windows(4) == rounds[1][1]
    assert BatchOrder(count=10, batch_size=4, seed=3, drop_last=True).batches == 2
    assert BatchOrder(count=10, batch_size=4, seed=3, shuffle=False).windows(4) == [4, 5, 6, 7]
