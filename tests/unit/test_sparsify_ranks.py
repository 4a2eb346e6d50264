"""What ranks tell each other: two processes over gloo do what one does, and notice where they differ."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.sparsify.agreement import MaskDigest, RanksDifferError, check_equal, share_ranges
from engine.sparsify.fisher import FisherRows, FisherSums, GradientSampler
from engine.sparsify.fisher.estimate import Estimate
from engine.sparsify.fisher.segments import Segment, whole_parameters
from engine.sparsify.masking import Masking
from engine.sparsify.quantization.arguments import QuantizationArguments
from engine.sparsify.quantization.fake_quantizer import FakeQuantizer
from engine.sparsify.ranks import RankError, join, leave, ranks

COUNT = 7


def gradients_of(kind: str) -> list[torch.Tensor]:
    """The diagonal of the inverse Fisher matrix of a layer, by the same batches in whatever number of processes."""
    torch.manual_seed(0)
    layer = nn.Linear(6, 4, bias=False)

    def losses(first: int, count: int, text: str, /) -> Generator[torch.Tensor]:
        for place in range(first, first + count):
            batch = torch.randn(3, 6, generator=torch.Generator().manual_seed(place))
            yield layer(batch).square().sum()

    def collector(size: int) -> Any:
        place = torch.device("cpu")
        return FisherSums(size, 8, place) if kind == "sums" else FisherRows(size, 8, COUNT, place)

    segments: list[Segment] = list(whole_parameters([24], 8, 24))
    estimate = Estimate(GradientSampler(layer, losses, "test"), [layer.weight], None, 3, COUNT, 1.0, collector)
    return [fisher.diagonal() for _, fisher in estimate.find(segments, "")]


def quantizers(rank: int) -> list[torch.Tensor]:
    """Ranges of a moving average and of a widening range after each rank saw numbers of its own."""
    model = nn.ModuleList()
    for share in (0.01, None):
        arguments = QuantizationArguments(signed=False, symmetric=False, averaging_constant=share)
        quantizer = FakeQuantizer(arguments).train()
        quantizer(torch.tensor([-1.0 - rank, 2.0 + rank]))
        model.append(quantizer)
    share_ranges(model, ranks())
    return [quantizer.min_val.clone() for quantizer in model] + [quantizer.scale.clone() for quantizer in model]


def differing(rank: int) -> str:
    masking = Masking([("weight", nn.Parameter(torch.ones(8)))])
    digest = MaskDigest()
    masking.hold([torch.arange(8) % 2 == 0])
    equal = digest([masking])
    check_equal([numbers[0] for numbers in ranks().gathered([equal])])
    masking.hold([torch.arange(8) % 2 == rank])
    try:
        check_equal([numbers[0] for numbers in ranks().gathered([digest([masking])])])
    except RanksDifferError as error:
        return str(error)
    return "equal"


def told(rank: int) -> list[str]:
    """What the others hear of rank 0's errors."""

    def fail(error: Exception) -> Any:
        def work() -> None:
            raise error

        return work

    heard: list[str] = []
    for error in (ValueError("stop"), KeyError("else")):
        try:
            ranks().from_first(fail(error), ValueError)
        except Exception as caught:
            heard.append(type(caught).__name__)
    return heard


def one_rank(rank: int, port: int, folder: Path) -> None:
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="localhost", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    join("gloo", 60)
    try:
        found = {
            "sums": gradients_of("sums"),
            "rows": gradients_of("rows"),
            "ranges": quantizers(rank),
            "differing": differing(rank),
            "told": told(rank),
            "means": ranks().means([1.0 + rank, 3.0]),
            "first": ranks().first_then_others(lambda: rank, ValueError),
        }
        torch.save(found, folder / f"{rank}.pt")
    finally:
        leave()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks found."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=one_rank, args=(rank, port, folder)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(100)
        assert process.exitcode == 0
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


@pytest.mark.parametrize("kind", ["sums", "rows"])
def test_fisher_matrices_of_two_ranks_are_those_of_one(found: list[dict[str, Any]], kind: str) -> None:
    alone = gradients_of(kind)
    for one, other, expected in zip(found[0][kind], found[1][kind], alone, strict=True):
        assert torch.equal(one, other)
        torch.testing.assert_close(one, expected, rtol=1e-5, atol=1e-5)


def test_ranges_follow_the_data_of_all_ranks(found: list[dict[str, Any]]) -> None:
    for one, other in zip(found[0]["ranges"], found[1]["ranges"], strict=True):
        assert torch.equal(one, other)
    assert [float(value) for value in found[0]["ranges"][:2]] == [-1.5, -2.0]


def test_masks_that_differ_are_noticed_by_all(found: list[dict[str, Any]]) -> None:
    assert {one["differing"] for one in found} == {"the masks of rank 1 are not those of rank 0"}


def test_rank_0_speaks_for_all(found: list[dict[str, Any]]) -> None:
    assert [one["told"] for one in found] == [["ValueError", "KeyError"], ["ValueError", RankError.__name__]]
    assert [one["means"] for one in found] == [[1.5, 3.0]] * 2
    assert [one["first"] for one in found] == [0, 1]
