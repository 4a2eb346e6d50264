"""M-FAC: second-order pruning with large blocks, out of the gradients themselves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from engine.errors import UserError
from engine.recipes.modifiers import MFACPruningModifier
from engine.sparsify.behaviours.base import Moment, Training, behaviour_of
from engine.sparsify.behaviours.second_order import SecondOrderPruning
from engine.sparsify.fisher import (
    Collector,
    FisherPasses,
    FisherRows,
    FisherSums,
    NotFiniteError,
    Segment,
    blocks,
    kept_weights,
    rows,
)
from engine.sparsify.fisher.memory import fisher_memory
from engine.sparsify.fisher.passes import Known


@behaviour_of(MFACPruningModifier)
class MFACPruning(SecondOrderPruning[MFACPruningModifier]):
    """Prunes the weights whose loss costs least by the inverse Fisher matrix F of all weights that are left, in blocks
    over their concatenation (Frantar et al. 2021).

    Score of a weight w: w² / (2 F_ii); the change of the others - F_:i w / F_ii. With `use_gradient_buffering`, or
    where there is no data to sample, the gradients are those of the last training steps.
    """

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.buffer: FisherRows | None = None
        self._left: Segment | None = None
        self._noted: int | None = None

    @property
    def samples_gradients(self) -> bool:
        buffers, source = self.modifier.use_gradient_buffering, self.training.context.gradient_losses
        return not buffers if buffers is not None else source is not None

    def update(self, moment: Moment) -> None:
        self._note(moment)
        super().update(moment)

    def before_step(self, moment: Moment) -> None:
        self._note(moment)

    def _note(self, moment: Moment) -> None:
        """Keep the gradients of this step, once, where they are not sampled."""
        gradients = [weight.grad for weight in self.masking.parameters]
        known = [gradient for gradient in gradients if gradient is not None]
        done = self.schedule.ended and not moment.ends
        if self.samples_gradients or done or self._noted == moment.step or len(known) < len(gradients):
            return
        self._noted = moment.step
        if self.buffer is None:
            self.buffer = FisherRows(self.left.size, self._block, self.gradient_count(), torch.device("cpu"))
        self.buffer.add(self.left.gather(known))

    @property
    def _block(self) -> int:
        return self.modifier.fisher_block_size or 0

    @property
    def left(self) -> Segment:
        """All weights that are not pruned."""
        if self._left is None:
            total = sum(weight.numel() for weight in self.masking.parameters)
            (self._left,) = kept_weights(self.kept(), 1, total)
        return self._left

    def gradient_count(self) -> int:
        counts = self.modifier.num_grads
        if isinstance(counts, int):
            return counts
        applied = [0.0 if target is None else target for target in self.applied]
        reached = sum(applied) / len(applied)
        limits = sorted(counts)
        return counts[next((limit for limit in limits if limit >= reached), limits[-1])]

    def inverse_fishers(self) -> FisherPasses:
        if not self.samples_gradients:
            return FisherPasses([self.left], self.left.size, self._buffered)
        weights = self.masking.parameters
        device = weights[0].device
        each = blocks.bytes_per_weight(self._block) if self._dense else rows.bytes_per_weight(self.gradient_count())
        limit = max(fisher_memory(device) // each, 1)
        segments = kept_weights(self.kept(), self._block or self._in_one(limit), limit)
        return FisherPasses(
            segments,
            limit,
            self.estimate(partial(self._collector, device=device)).find,
            scratch=self.training.context.scratch,
            numbers=self._numbers,
            device=device,
        )

    def _numbers(self, size: int) -> int:
        """How many numbers the inverse of a segment holds."""
        return blocks.numbers(size, self._block) if self._dense else size * self.gradient_count()

    @property
    def _dense(self) -> bool:
        """Whether blocks take less memory than the gradients they are made of."""
        return 0 < self._block <= self.gradient_count()

    def _collector(self, size: int, device: torch.device) -> Collector:
        if self._dense:
            return FisherSums(size, self._block, device)
        return FisherRows(size, self._block, self.gradient_count(), device)

    def _in_one(self, limit: int) -> int:
        """The block that all weights are in, if there is memory for it."""
        total = sum(int(torch.count_nonzero(mask)) for mask in self.kept())
        if total > limit:
            raise UserError(
                f"{self.modifier.name}: {self.gradient_count()} gradients of {total:,} weights do not fit in memory",
                "set fisher_block_size, for example 2000, or a smaller num_grads",
            )
        return total

    def _buffered(self, segments: Sequence[Segment], text: str) -> Known:
        """The matrix that the noted gradients tell, also where there are fewer than wanted."""
        buffer, (segment,) = self.buffer, segments
        if buffer is None:
            raise UserError(
                f"{self.modifier.name}: there are no gradients, neither of training steps nor of training data",
                "name the data with --train_file",
            )
        collector: Collector = buffer
        if self._dense:
            collector = FisherSums(segment.size, self._block, self.masking.parameters[0].device)
            for gradient in buffer.rows:
                collector.add(gradient)
        fisher = collector.inverse(self.modifier.damp)
        if fisher is None:
            raise NotFiniteError("a gradient of the last steps is not a number")
        return [(segment, fisher)]

    def _final_update_is_missing(self, epoch: float) -> bool:
        known = self.samples_gradients or self.buffer is not None
        return known and super()._final_update_is_missing(epoch)

    def renew(self, targets: list[float]) -> None:
        super().renew(targets)
        self.buffer = self._left = None

    def score(self, weights: torch.Tensor, fisher: Any) -> torch.Tensor:
        return weights.square() / (2.0 * fisher.diagonal().to(weights.device))

    def fill_pruned(self, scores: list[torch.Tensor]) -> None:
        kept = self.kept()
        lowest = [score.masked_fill(~mask, float("inf")).min() for score, mask in zip(scores, kept, strict=True)]
        below = float(torch.stack(lowest).min()) - 1.0
        for score, mask in zip(scores, kept, strict=True):
            score.masked_fill_(~mask, below)

    def change(self, weights: torch.Tensor, pruned: torch.Tensor, fisher: Any) -> torch.Tensor:
        return -fisher.times(weights * pruned / fisher.diagonal().to(weights.device))

    def state_dict(self) -> dict[str, Any]:
        noted = None if self.buffer is None else {"gradients": self.buffer.gradients, "seen": self.buffer.seen}
        return {**super().state_dict(), "buffer": noted}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        saved = state["buffer"]
        self.buffer = self._left = None
        if saved is not None:
            count, size = saved["gradients"].shape
            self.buffer = FisherRows(size, self._block, count, torch.device("cpu"))
            self.buffer.gradients.copy_(saved["gradients"])
            self.buffer.seen = int(saved["seen"])
