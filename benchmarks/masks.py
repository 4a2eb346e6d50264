"""How fast masks are made: the 72 matrices of BERT-base (85 million weights) at 90 %, beside `torch.kthvalue`.

Run with ``python -m benchmarks.masks [--matrices N] [--rounds N] [--threads N] [--cases …]``; prints seconds and
ratios, asserts nothing. Every line is one kind of mask on one kind of scores; its ratio is the shortest time of all
masks over the shortest time of one `torch.kthvalue` for each matrix, on the same scores and in the same rounds. Times
are those of the processor, so that other load does not count; none of it gains much from a second thread.

Scores: `dense` (no zeros), `growing` (80 % are zero, 90 % are to be), `held` (a mask of 90 % stands already), `about
90` (as many zeros as aimed at, give or take a few), `regrowing` (91 % are zero: the surplus is drawn by the fixed
shuffle), `freed` (95 %: more of the same; every spared weight is a draw of Python's generator that no reading of the
rule can leave out), `few values` (eight of them), `equal` (one), `zeros` (all zero). Masks: ``2:4`` prunes half,
everything else 90 %; ``global`` is one threshold over all matrices.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch

from engine.sparsify.masks import MaskType, create_masks

LAYER = [(768, 768)] * 4 + [(3072, 768), (768, 3072)]
SPARSITY = 0.9
KINDS: dict[str, tuple[MaskType, float, bool]] = {
    "unstructured": ("unstructured", SPARSITY, False),
    "unstructured global": ("unstructured", SPARSITY, True),
    "block4": ("block4", SPARSITY, False),
    "block4 global": ("block4", SPARSITY, True),
    "[1, 4]": ([1, 4], SPARSITY, False),
    "[4, 1]": ([4, 1], SPARSITY, False),
    "[2, 8]": ([2, 8], SPARSITY, False),
    "2:4": ("2:4", 0.5, False),
    "filter": ("filter", SPARSITY, False),
    "channel": ("channel", SPARSITY, False),
}

Scores = list[torch.Tensor]


def shortest(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The shortest of `rounds` runs of each, in seconds of the processor; all run in every round."""
    times: dict[str, float] = {}
    for _ in range(rounds):
        for name, work in works.items():
            began = time.process_time()
            work()
            times[name] = min(time.process_time() - began, times.get(name, float("inf")))
    return times


def thresholds(scores: Scores) -> None:
    """What finding the thresholds alone costs with torch."""
    for score in scores:
        torch.kthvalue(score.reshape(-1), round(score.numel() * SPARSITY))


def scores_with_zeros(share: float, matrices: int) -> Scores:
    """Magnitudes of which `share` are exact zeros already."""
    generator = torch.Generator().manual_seed(0)
    shapes = (LAYER * 12)[:matrices]
    made = [torch.randn(shape, generator=generator).abs() for shape in shapes]
    return [score.mul_(torch.rand(score.shape, generator=generator) >= share) for score in made]


def held(matrices: int) -> Scores:
    """Magnitudes under masks of 90 %."""
    dense = scores_with_zeros(0.0, matrices)
    return [score.mul_(mask) for score, mask in zip(dense, create_masks("unstructured", dense, SPARSITY), strict=True)]


def alike(value: float, matrices: int) -> Scores:
    """The same score everywhere."""
    return [torch.full(shape, value) for shape in (LAYER * 12)[:matrices]]


CASES: dict[str, Callable[[int], Scores]] = {
    "dense": partial(scores_with_zeros, 0.0),
    "growing": partial(scores_with_zeros, 0.8),
    "held": held,
    "about 90": partial(scores_with_zeros, 0.9),
    "regrowing": partial(scores_with_zeros, 0.91),
    "freed": partial(scores_with_zeros, 0.95),
    "few values": lambda matrices: [score.mul_(2).round_() for score in scores_with_zeros(0.0, matrices)],
    "equal": partial(alike, 0.5),
    "zeros": partial(alike, 0.0),
}


def main() -> None:
    """Print one line for each kind of mask on each kind of scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--matrices", type=int, default=72)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for case in arguments.cases:
        scores = CASES[case](arguments.matrices)
        works: dict[str, Callable[[], object]] = {"kthvalue": partial(thresholds, scores)}
        for name, (kind, sparsity, one_threshold) in KINDS.items():
            works[name] = partial(create_masks, kind, scores, sparsity, one_threshold=one_threshold)
        times = shortest(works, arguments.rounds)
        for name in KINDS:
            ratio = times[name] / times["kthvalue"]
            print(f"{case:11} {name:20} {times[name]:7.3f} s  kthvalue {times['kthvalue']:7.3f} s  ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
