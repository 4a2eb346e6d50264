"""How fast masks are made: the 72 matrices of BERT-base at 90 %, beside one `torch.kthvalue` for each.

Run with ``python -m benchmarks.masks [--matrices N]``; prints seconds and ratios, asserts nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch

from engine.sparsify.masks import create_masks

LAYER = [(768, 768)] * 4 + [(3072, 768), (768, 3072)]
SPARSITY = 0.9


def measured(work: Callable[[], object], rounds: int = 3) -> float:
    """The shortest of `rounds` runs, in seconds."""
    times: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def thresholds(scores: list[torch.Tensor]) -> None:
    """What finding the thresholds alone costs with torch."""
    for score in scores:
        torch.kthvalue(score.reshape(-1), round(score.numel() * SPARSITY))


def scores_with_zeros(share: float, matrices: int) -> list[torch.Tensor]:
    """Scores of which `share` are exact zeros already."""
    generator = torch.Generator().manual_seed(0)
    shapes = (LAYER * 12)[:matrices]
    made = [torch.randn(shape, generator=generator).abs() for shape in shapes]
    return [score * (torch.rand(score.shape, generator=generator) >= share) for score in made]


def main() -> None:
    """Print one line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--matrices", type=int, default=72)
    matrices = parser.parse_args().matrices
    torch.set_num_threads(1)
    cases = [("dense", 0.0), ("80 % zeros, growing", 0.8), ("90 % zeros, held", 0.9), ("91 % zeros, regrowing", 0.91)]
    for name, zeros in cases:
        scores = scores_with_zeros(zeros, matrices)
        reference = measured(partial(thresholds, scores))
        for mask_type in ("unstructured", "block4"):
            seconds = measured(partial(create_masks, mask_type, scores, SPARSITY))
            ratio = seconds / reference
            print(f"{name:32} {mask_type:13} {seconds:7.3f} s  kthvalue {reference:7.3f} s  ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
