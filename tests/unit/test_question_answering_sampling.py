"""The order of training windows."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.question_answering.sampling import LengthGroups


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.integers(1, 384), min_size=1, max_size=300), st.integers(1, 9), st.integers(0, 5))
def test_every_window_once_and_the_longest_first(lengths: list[int], batch: int, epoch: int) -> None:
    sampler = LengthGroups(lengths, batch, seed=3)
    sampler.set_epoch(epoch)
    order = list(sampler)
    assert sorted(order) == list(range(len(lengths)))
    if len(lengths) >= batch:
        assert max(lengths[index] for index in order[:batch]) == max(lengths) or len(lengths) % batch


def test_the_order_follows_from_seed_and_epoch() -> None:
    lengths = [random.Random(0).randint(5, 384) for _ in range(500)]

    def order(seed: int, epoch: int) -> list[int]:
        sampler = LengthGroups(lengths, 8, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


@pytest.mark.parametrize("batch", [8, 16])
def test_little_is_padded(batch: int) -> None:
    draw = random.Random(1)
    lengths = [min(int(draw.lognormvariate(5.1, 0.35)), 384) for _ in range(4000)]

    def padded(order: list[int]) -> int:
        batches = [order[begin : begin + batch] for begin in range(0, len(order), batch)]
        return sum(len(one) * max(lengths[index] for index in one) for one in batches)

    grouped = padded(list(LengthGroups(lengths, batch, seed=0)))
    assert grouped < 1.05 * sum(lengths)
    assert padded(draw.sample(range(4000), 4000)) > 1.3 * sum(lengths)
