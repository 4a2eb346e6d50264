"""What masks cost at every training step: the weights multiplied after it and the gradients as they are computed.

Run with ``python -m benchmarks.mask_apply [--threads N] [--batch N] [--length N] [--steps N] [--small]``; prints
seconds and ratios, asserts nothing. A step is forward, backward, AdamW and zeroing of gradients of a question-answering
BERT with random weights, in float32 and with no masks; the masks are those of 90 % of its encoder's matrices. Times are
those of the processor, all threads together, so that other load does not count; each ratio is a shortest time over the
shortest step, measured in turn. `both` is what a masked step costs more, `counting zeros` what ConstantPruning adds to
it, `update` one renewal of all masks, scores included.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable

import torch
from transformers import BertConfig, BertForQuestionAnswering

from engine.sparsify.masking import Masking, count_zeros, masked
from engine.sparsify.masks import Magnitudes, create_masks
from engine.sparsify.parameters import select_parameters

SPARSITY = 0.9
REPEATS = 5
ENCODER = r"re:bert\.encoder\..*\.(query|key|value|dense)\.weight"
BASE = BertConfig()
SMALL = BertConfig(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512)


class Step:
    """One training step on random tokens, always the same."""

    def __init__(self, model: BertForQuestionAnswering, batch: int, length: int) -> None:
        self.model = model.train()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
        tokens = torch.randint(1000, 30000, (batch, length), generator=torch.Generator().manual_seed(0))
        places = torch.zeros(batch, dtype=torch.long)
        self.inputs = {"input_ids": tokens, "start_positions": places, "end_positions": places}

    def __call__(self) -> None:
        self.model(**self.inputs).loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def works(masking: Masking) -> dict[str, Callable[[], object]]:
    """What masks do at every step, and now and then."""
    gradients = [torch.randn_like(parameter) for parameter in masking.parameters]

    def mask_gradients() -> None:
        for gradient, mask in zip(gradients, masking.masks, strict=True):
            masked(gradient, mask)

    return {
        "weights": masking.apply,
        "gradients": mask_gradients,
        "counting zeros": lambda: count_zeros(masking.parameters),
        "update": lambda: renew(masking),
    }


def renew(masking: Masking) -> None:
    """New masks of the smallest magnitudes."""
    masking.hold(create_masks("unstructured", Magnitudes(masking.parameters), SPARSITY))


def measure(name: str, config: BertConfig, arguments: argparse.Namespace) -> None:
    """Print the lines of one model."""
    model = BertForQuestionAnswering(config)
    masking = Masking(select_parameters(copy.deepcopy(model), ENCODER, modifier="mask_apply"))
    renew(masking)
    step = Step(model, arguments.batch, arguments.length)
    shortest: dict[str, float] = {}
    for _ in range(arguments.steps):
        for part, work in {"step": step, **works(masking)}.items():
            repeats = 1 if part == "step" else REPEATS
            times = [seconds(work) for _ in range(repeats)]
            shortest[part] = min(*times, shortest.get(part, times[0]))
    shortest["both"] = shortest["weights"] + shortest["gradients"]
    for part, taken in shortest.items():
        print(f"{name:10} {part:15} {taken * 1000:9.2f} ms  ratio {taken / shortest['step']:.4f}")


def main() -> None:
    """Print the ratios of the small model and, unless told otherwise, of BERT-base."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="leave BERT-base out")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    measure("small", SMALL, arguments)
    if not arguments.small:
        measure("BERT-base", BASE, arguments)


if __name__ == "__main__":
    main()
