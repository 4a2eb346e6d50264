"""What second-order pruning of BERT-base costs: 72 matrices, 85 million weights, blocks of 50.

Run with ``python -m benchmarks.obs``. First one whole pruning update in an engine that believes to have 8 GB, with few
gradients, for its memory; then seconds for a gradient, taken in beside the recursion over inverse matrices that
SparseML runs for each. Only what is proportional is scaled to 1,024 gradients and 72 matrices, and said so. Seconds are
those of the processor, which are the clock's on an idle machine with one thread.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

import psutil
import torch
from transformers import BertConfig, BertForQuestionAnswering

from benchmarks.masks import LAYER
from engine.recipes import parse_recipe
from engine.sparsify.behaviours import obs
from engine.sparsify.context import TrainingContext
from engine.sparsify.fisher import FisherSums
from engine.sparsify.fisher.memory import SHARE
from engine.sparsify.manager import SparsificationManager

MATRICES, GRADIENTS, BLOCK, DAMP = 72, 1024, 50, 1e-7
RECIPE = """modifiers:
  - !OBSPruningModifier
      params:
        - "re:bert.encoder.layer.*.attention.self.(query|key|value).weight"
        - "re:bert.encoder.layer.*.output.dense.weight"
        - "re:bert.encoder.layer.*.intermediate.dense.weight"
      init_sparsity: 0.7
      final_sparsity: 0.9
      start_epoch: 0
      end_epoch: 8
      update_frequency: 4
      num_grads: {count}
      fisher_block_size: 50
"""


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of all threads."""
    began = time.process_time()
    work()
    return time.process_time() - began


class PeakMemory(threading.Thread):
    """Looks ten times a second how much memory the process has, without pages of files that the system may drop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.gigabytes = 0.0
        self._done = threading.Event()

    def run(self) -> None:
        process = psutil.Process()
        while not self._done.wait(0.1):
            found = process.memory_info()
            self.gigabytes = max(self.gigabytes, (found.rss - found.shared) / 1e9)

    def __enter__(self) -> PeakMemory:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self.join()


class Bert:
    """BERT-base with losses of random windows."""

    def __init__(self, length: int) -> None:
        torch.manual_seed(0)
        self.model = BertForQuestionAnswering(BertConfig())
        self.length = length
        self.taken = 0
        self.texts: list[str] = []

    def losses(self, first: int, count: int, text: str, /) -> Generator[torch.Tensor]:
        self.texts.append(text)
        for place in range(first, first + count):
            generator = torch.Generator().manual_seed(place)
            ids = torch.randint(1000, 30000, (1, self.length), generator=generator)
            self.taken += 1
            yield self.model(ids, start_positions=torch.tensor([3]), end_positions=torch.tensor([5])).loss


def whole_update(count: int, length: int, memory: float, scratch: Path | None) -> None:
    """One update by the recipe, as a run of this memory makes it."""
    bert = Bert(length)
    manager = SparsificationManager(parse_recipe(RECIPE.format(count=count)))
    context = TrainingContext(
        steps_per_epoch=100,
        total_steps=800,
        gradient_losses=lambda title, given: bert.losses,
        scratch=scratch,
    )
    optimizer = torch.optim.AdamW(bert.model.parameters())
    before = psutil.Process().memory_info().rss / 1e9
    with PeakMemory() as peak, mock.patch.object(obs, "fisher_memory", return_value=int(memory * SHARE * 1e9)):
        manager.initialize(bert.model, optimizer, context)
        took = seconds(lambda: manager.before_optimizer_step(0))
    sparsity, _ = manager.sparsity()
    print(f"one update with {count} gradients: {took:.0f} s, {len(bert.texts)} passes, sparsity {sparsity:.4f}")
    print(f"  {memory:g} GB: peak {peak.gigabytes:.2f} GB of memory, {before:.2f} GB before it", flush=True)
    print("  (without Adam's moments and the training's gradients, which are 1.3 GB more)", flush=True)


def gradient(length: int, count: int) -> None:
    """Forward and backward of one window."""
    bert = Bert(length)
    bert.model.eval()
    weights = [weight for name, weight in bert.model.named_parameters() if "encoder" in name and weight.dim() == 2]
    last = weights[-len(LAYER) :]
    assert len(weights) == MATRICES
    for name, wanted in (("all 72 matrices", weights), ("the last layer's 6", last)):
        took = min(seconds(partial(_gradients, bert, wanted)) for _ in range(count))
        minutes = took * GRADIENTS / 60
        print(f"gradients of {name}, one window of {length}: {took:.2f} s; {GRADIENTS} (scaled): {minutes:.0f} min")


def _gradients(bert: Bert, weights: Iterable[torch.Tensor]) -> None:
    torch.autograd.grad(next(bert.losses(0, 1, "")), list(weights))


class Recursion:
    """F <- F - v vᵀ / (m + gᵀ v) with v = F g, for every gradient g."""

    def __init__(self, size: int, count: int) -> None:
        self.count = count
        self.size = -(-size // BLOCK)
        self.inverse = (torch.eye(BLOCK) / DAMP).repeat(self.size, 1, 1)

    def add(self, vector: torch.Tensor) -> None:
        g = torch.nn.functional.pad(vector, (0, -len(vector) % BLOCK)).view(-1, BLOCK)
        v = torch.einsum("bij,bj->bi", self.inverse, g)
        v /= (self.count + torch.einsum("bi,bi->b", g, v)).sqrt().unsqueeze(1)
        self.inverse.baddbmm_(v.unsqueeze(2), v.unsqueeze(1), alpha=-1)


@dataclass
class Measured:
    """Seconds for some gradients, and how far the two results are from one another."""

    ours: float = 0.0
    theirs: float = 0.0
    inverting: float = 0.0
    difference: float = 0.0

    def take_in(self, size: int, count: int) -> None:
        """Gradients of a matrix of `size` weights."""
        made = list(torch.randn(count, size, generator=torch.Generator().manual_seed(0)) * 1e-3)
        sums, recursion = FisherSums(size, BLOCK, torch.device("cpu")), Recursion(size, count)
        self.theirs += seconds(partial(_add_all, recursion, made))
        self.ours += seconds(partial(_add_all, sums, made))
        began = time.process_time()
        inverse = sums.inverse(DAMP)
        self.inverting += time.process_time() - began
        assert inverse is not None
        wanted = recursion.inverse.diagonal(dim1=1, dim2=2).reshape(-1)[:size]
        self.difference = max(self.difference, float(((inverse.diagonal() - wanted) / wanted).abs().max()))


def _add_all(collector: FisherSums | Recursion, gradients: Iterable[torch.Tensor]) -> None:
    for vector in gradients:
        collector.add(vector)


def taking_in(count: int) -> None:
    """Gradients of the six matrices of a layer, one matrix after the other."""
    measured = Measured()
    for rows, columns in LAYER:
        measured.take_in(rows * columns, count)
    ours, theirs, layers = measured.ours, measured.theirs, MATRICES // len(LAYER)
    print(f"taking in {count} gradients of a layer's 6 matrices: {ours:.2f} s, by the recursion {theirs:.2f} s")
    print(f"  ratio {theirs / ours:.0f}; diagonals differ by {measured.difference:.1e} at most")
    print(f"  inverting their blocks: {measured.inverting:.1f} s")
    scale = layers * GRADIENTS / count / 60
    print(
        f"  {MATRICES} matrices, {GRADIENTS} gradients (scaled): {ours * scale:.1f} min, recursion {theirs * scale:.0f}"
    )
    print(f"  inverting (scaled): {measured.inverting * layers:.0f} s", flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--length", type=int, default=128, help="tokens of a window")
    parser.add_argument("--memory", type=float, default=8.0, help="gigabytes the update believes to have")
    parser.add_argument("--scratch", type=Path, help="a folder for what memory has no room for (15 GB)")
    parser.add_argument("--part", choices=("update", "taking-in", "gradients"), help="only this")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.part in (None, "update"):
        whole_update(2, arguments.length, arguments.memory, arguments.scratch)
    if arguments.part in (None, "taking-in"):
        taking_in(32)
    if arguments.part in (None, "gradients"):
        gradient(arguments.length, 2)


if __name__ == "__main__":
    main()
