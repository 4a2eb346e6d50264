"""Masks of large tensors beside a plain reading of the rules: full sort, full shuffle."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from engine.sparsify.masks import MaskType, create_masks
from engine.sparsify.masks.lowest import PIECE, SAMPLE
from engine.sparsify.masks.shuffle import spared_by_shuffle

SIZE = 200_003


def _plain(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    pruned = round(scores.numel() * sparsity)
    threshold = scores.sort().values[max(pruned - 1, 0)]
    if threshold > scores.min():
        mask = scores > threshold
        ties = (scores == threshold).nonzero().reshape(-1)
        mask[ties[: int((~mask).sum()) - pruned]] = True
        return mask
    places = (scores == threshold).nonzero().reshape(-1).tolist()
    order = list(range(len(places)))
    random.Random(42).shuffle(order)
    mask = torch.ones_like(scores, dtype=torch.bool)
    mask[[places[index] for index in order[:pruned]]] = False
    return mask


def _scores(kind: str, size: int = SIZE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(size, generator=generator)
    if kind == "few values":
        return scores.round(decimals=1).abs()
    if kind == "sorted":
        return scores.sort().values
    if kind == "misleading":  # a sample at regular distances sees nothing but the highest
        scores = scores.abs()
        scores[:: size // SAMPLE | 1] += 10
        return scores
    if kind == "zeros":
        return scores.abs() * (torch.rand(size, generator=generator) > 0.7)
    if kind == "-inf":
        return torch.where(torch.rand(size, generator=generator) > 0.5, scores, -torch.inf)
    return scores.abs()


@pytest.mark.parametrize("kind", ["magnitudes", "few values", "sorted", "misleading", "zeros", "-inf"])
@pytest.mark.parametrize("sparsity", [0.0001, 0.3, 0.7, 0.9, 0.99999, 1.0])
def test_large_tensors_are_pruned_by_the_same_rules(kind: str, sparsity: float) -> None:
    scores = _scores(kind)
    (mask,) = create_masks("unstructured", [scores], sparsity)
    assert torch.equal(mask, _plain(scores, sparsity))
    assert int((~mask).sum()) == round(SIZE * sparsity)


@pytest.mark.parametrize("kind", ["magnitudes", "few values", "zeros", "-inf"])
def test_scores_of_any_type_are_pruned_by_the_same_rules(kind: str) -> None:
    scores = _scores(kind)
    for sparsity in (0.3, 0.7, 0.9):
        (mask,) = create_masks("unstructured", [scores.double()], sparsity)  # what devices other than the CPU do
        assert torch.equal(mask, _plain(scores, sparsity))


@pytest.mark.parametrize("kind", ["magnitudes", "few values", "zeros"])
def test_one_threshold_sees_the_tensors_as_one(kind: str) -> None:
    scores = _scores(kind, PIECE + 70_000)
    parts = [part.reshape(-1, 2) for part in scores.split([PIECE + 6, 30_000, scores.numel() - PIECE - 30_006])]
    for sparsity in (0.1, 0.9):
        masks = create_masks("unstructured", parts, sparsity, one_threshold=True)
        assert [mask.shape for mask in masks] == [part.shape for part in parts]
        assert torch.equal(torch.cat([mask.reshape(-1) for mask in masks]), _plain(scores, sparsity))


@pytest.mark.parametrize("sparsity", [0.1, 0.9])
@pytest.mark.parametrize("place", [0, SIZE // 2, SIZE - 1])
def test_a_nan_anywhere_keeps_everything(sparsity: float, place: int) -> None:
    for scores in (_scores("magnitudes"), _scores("zeros")):
        scores[place] = torch.nan
        for typed in (scores, scores.double()):
            (mask,) = create_masks("unstructured", [typed], sparsity)
            assert bool(mask.all())


@pytest.mark.parametrize("count", [1, 2, 3, 10, 255, 256, 257, 1000, 300_000])
def test_part_of_the_shuffle_is_the_whole_shuffle(count: int) -> None:
    order = list(range(count))
    random.Random(42).shuffle(order)
    for pruned in {0, 1, count // 2, count - count // 100, count - 1, count}:
        assert spared_by_shuffle(count, pruned).tolist() == sorted(order[pruned:])


def test_half_precision_scores_are_pruned_too() -> None:
    scores = torch.arange(1.0, 101.0).bfloat16().reshape(10, 10)
    (mask,) = create_masks("unstructured", [scores], 0.5)
    assert mask.shape == (10, 10)
    assert int(mask.sum()) == 50
    assert scores[mask].min() > scores[~mask].max()


@pytest.mark.parametrize("kind", ["magnitudes", "few values", "sorted"])
@pytest.mark.parametrize(("kept", "group"), [(2, 4), (1, 2), (5, 8), (7, 70)])
def test_n_of_m_keeps_the_highest_and_prunes_equals_from_the_left(kind: str, kept: int, group: int) -> None:
    scores = _scores(kind, 280 * 560).reshape(280, 560)
    (mask,) = create_masks(f"{kept}:{group}", [scores], 1 - kept / group)
    order = np.argsort(scores.abs().numpy().reshape(-1, group), axis=1, kind="stable")
    wanted = np.ones(order.shape, dtype=bool)
    np.put_along_axis(wanted, order[:, : group - kept], False, axis=1)
    assert np.array_equal(mask.numpy().reshape(-1, group), wanted)


@pytest.mark.parametrize(("mask_type", "run"), [("block4", 4), ([2, 2], 4), ([1, 8], 8), ([3, 2], 6), ([1, 7], 7)])
def test_blocks_are_pruned_by_the_mean_of_their_run(mask_type: MaskType, run: int) -> None:
    scores = _scores("few values", 840 * 280).reshape(840, 280)
    (mask,) = create_masks(mask_type, [scores], 0.8)
    wanted = _plain(scores.reshape(-1, run).mean(dim=1), 0.8).repeat_interleave(run)
    assert torch.equal(mask.reshape(-1), wanted)
