"""Masks of large tensors beside a plain reading of the rules: full sort, full shuffle."""

from __future__ import annotations

import random

import pytest
import torch

from engine.sparsify.masks import create_masks
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


def _scores(kind: str) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(SIZE, generator=generator)
    if kind == "few values":
        return scores.round(decimals=1).abs()
    if kind == "sorted":  # a sample at regular distances, the worst of all orders
        return scores.sort().values
    if kind == "zeros":
        return scores.abs() * (torch.rand(SIZE, generator=generator) > 0.7)
    if kind == "-inf":
        return torch.where(torch.rand(SIZE, generator=generator) > 0.5, scores, -torch.inf)
    return scores.abs()


@pytest.mark.parametrize("kind", ["magnitudes", "few values", "sorted", "zeros", "-inf"])
@pytest.mark.parametrize("sparsity", [0.0001, 0.3, 0.7, 0.9, 0.99999, 1.0])
def test_large_tensors_are_pruned_by_the_same_rules(kind: str, sparsity: float) -> None:
    scores = _scores(kind)
    (mask,) = create_masks("unstructured", [scores], sparsity)
    assert torch.equal(mask, _plain(scores, sparsity))
    assert int((~mask).sum()) == round(SIZE * sparsity)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 257, 1000])
def test_part_of_the_shuffle_is_the_whole_shuffle(count: int) -> None:
    order = list(range(count))
    random.Random(42).shuffle(order)
    for pruned in {0, 1, count // 2, count - 1, count}:
        assert spared_by_shuffle(count, pruned).tolist() == sorted(order[pruned:])


def test_half_precision_scores_are_pruned_too() -> None:
    scores = torch.arange(1.0, 101.0).bfloat16().reshape(10, 10)
    (mask,) = create_masks("unstructured", [scores], 0.5)
    assert mask.shape == (10, 10)
    assert int(mask.sum()) == 50
    assert scores[mask].min() > scores[~mask].max()
