"""Batches for modifiers that take gradients of their own, or calibrate, beside the training."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.errors import UserError
from engine.question_answering.collate import Collator
from engine.question_answering.failures import StoppedError
from engine.question_answering.features import Windows
from engine.sparsify.context import GradientLosses
from engine.sparsify.ranks import ranks

if TYPE_CHECKING:
    from engine.question_answering.trainer import QuestionAnsweringTrainer

LABELS = ("start_positions", "end_positions")
SAMPLING_PROMISE = 900.0
"""Seconds within which a batch is expected to be done, and the inverses of what a pass over the batches told."""


@dataclass(frozen=True)
class BatchOrder:
    """An endless sequence of batches over `count` windows: where each stands says which windows it has.

    Every round over the windows has an order of its own, drawn from `seed` alone, so that nothing need be remembered
    and no other random number changes.
    """

    count: int
    batch_size: int
    seed: int
    shuffle: bool = True
    drop_last: bool = False

    @property
    def batches(self) -> int:
        """Batches of one round."""
        return self.count // self.batch_size if self.drop_last else -(-self.count // self.batch_size)

    def windows(self, position: int) -> list[int]:
        """The windows of the batch at `position` (0 first)."""
        turn, place = divmod(position, self.batches)
        order = np.random.default_rng([self.seed, turn]).permutation(self.count) if self.shuffle else range(self.count)
        return [int(index) for index in order[place * self.batch_size : (place + 1) * self.batch_size]]


class GradientBatches:
    """The training windows as batches to take gradients of: a `GradientSource`.

    The loss is the task's alone and computed in full precision. Batches have the training's size and are shuffled,
    unless the modifier's `grad_sampler_kwargs` say otherwise (`batch_size`, `shuffle`, `drop_last`). `listen` hears
    commands while the training loop waits.
    """

    def __init__(
        self,
        trainer: QuestionAnsweringTrainer,
        windows: Windows,
        collator: Collator,
        listen: Callable[[], None] = lambda: None,
    ) -> None:
        self.trainer = trainer
        self.data = windows
        self.collator = collator
        self.listen = listen
        args = trainer.args
        seed = args.seed if args.data_seed is None else args.data_seed
        self.order = BatchOrder(len(windows), args.train_batch_size, seed, drop_last=args.dataloader_drop_last)

    def __call__(self, title: str, settings: Mapping[str, Any], /) -> GradientLosses:
        heeded = {name: settings[name] for name in ("batch_size", "shuffle", "drop_last") if name in settings}
        order = replace(self.order, **heeded)
        if not order.batches:
            raise UserError(
                f"{title}: {order.count} windows make no batch of {order.batch_size}",
                "give more training data, or a smaller batch_size in grad_sampler_kwargs",
            )
        return partial(self._losses, order)

    def calibration(self, windows: int, text: str, /) -> Generator[Mapping[str, torch.Tensor]]:
        """The first windows of the sequence without their labels, each once: a `CalibrationSource`."""
        order = replace(self.order, drop_last=False)
        count, size = min(windows, order.count), order.batch_size
        chosen = [index for place in range(-(-count // size)) for index in order.windows(place)][:count]
        batches = (chosen[begin : begin + size] for begin in range(0, count, size))
        with contextlib.closing(self._inputs(batches, text)) as taken:
            for inputs in taken:
                yield {name: tensor for name, tensor in inputs.items() if name not in LABELS}

    def _losses(self, order: BatchOrder, first: int, count: int, text: str, /) -> Generator[torch.Tensor]:
        batches = (order.windows(position) for position in range(first, first + count))
        with contextlib.closing(self._inputs(batches, text)) as taken:
            for inputs in taken:
                yield self._loss(inputs)

    def _inputs(self, batches: Iterable[list[int]], text: str) -> Generator[dict[str, torch.Tensor]]:
        """The inputs of the network for batches of windows, with a sign of progress after each."""
        recorder, step = self.trainer.recorder, self.trainer.state.global_step
        device = self.trainer.args.device
        known = inspect.signature(type(self.trainer.network).forward).parameters
        with recorder.phase("sample", text, promise=SAMPLING_PROMISE, step=step):
            for windows in batches:
                self.listen()
                if ranks().share(recorder.stop_requested):
                    raise StoppedError("stopped while batches were taken beside the training")
                batch = self.collator([self.data[index] for index in windows])
                yield {name: tensor.to(device) for name, tensor in batch.items() if name in known}
                recorder.progress()

    def _loss(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        network = self.trainer.network
        # The class's method: around the instance's, accelerate may have put half precision, in which small gradients
        # are lost.
        loss = type(network).forward(network, **inputs).loss
        if loss is None:
            raise UserError("the training questions have no answers to take gradients of", "give labelled questions")
        return loss
