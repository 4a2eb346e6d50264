"""Pruning by the inverse Fisher matrix: the weights that cost least go, those that stay make up for them."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import torch

from engine.errors import UserError
from engine.recipes.modifiers import MFACPruningModifier, OBSPruningModifier
from engine.sparsify.behaviours.base import Moment, Training
from engine.sparsify.behaviours.pruning import GradualPruning
from engine.sparsify.fisher import (
    Collector,
    Estimate,
    FisherPasses,
    GradientSampler,
    NotFiniteError,
)

Second = TypeVar("Second", bound=OBSPruningModifier | MFACPruningModifier)


class SecondOrderPruning(GradualPruning[Second], ABC):
    """Scores weights by what the loss loses with them, and moves the others to where it loses least.

    Gradients are those of the task loss alone, also where the recipe distils. They are taken beside the training: its
    own gradients, data, random numbers, modes and observers stay as they are. Which batches they come from follows
    from `sampled`, the number of those used before, so that a resumed run takes the same ones.
    """

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.sampled = 0
        self.sampler = self._sampler(training) if self.samples_gradients else None
        self.fishers: FisherPasses | None = None

    @property
    def samples_gradients(self) -> bool:
        """Whether it takes gradients beside the training, not those of the training itself."""
        return True

    def _sampler(self, training: Training) -> GradientSampler:
        name, source = self.modifier.name, training.context.gradient_losses
        if source is None:
            raise UserError(f"{name} samples gradients, but there is no training data", "name it with --train_file")
        return GradientSampler(training.model, source(name, self.modifier.grad_sampler_kwargs or {}), name)

    @abstractmethod
    def gradient_count(self) -> int:
        """How many gradients the next round needs."""

    @abstractmethod
    def inverse_fishers(self) -> FisherPasses:
        """The inverse Fisher matrices of all weights, by the gradients of the next round."""

    @abstractmethod
    def score(self, weights: torch.Tensor, fisher: Any) -> torch.Tensor:
        """The scores of a vector of weights."""

    @abstractmethod
    def fill_pruned(self, scores: list[torch.Tensor]) -> None:
        """Give weights that are pruned already the lowest scores."""

    @abstractmethod
    def change(self, weights: torch.Tensor, pruned: torch.Tensor, fisher: Any) -> torch.Tensor:
        """What is added to a vector of weights when those go that `pruned` marks."""

    def update(self, moment: Moment) -> None:
        context = self.training.context
        # The original takes a run of one step an epoch for a one shot gone wrong.
        if not (self.sparseml_compatible and context.steps_per_epoch == 1 < context.total_steps):
            super().update(moment)

    def will_sample(self, epoch: float) -> bool:
        """Whether an update before the step at `epoch`, or the run's end there, samples gradients."""
        return self.samples_gradients and (self.schedule.ready(epoch) or self._final_update_is_missing(epoch))

    def rounds(self, targets: list[float]) -> list[list[float]]:
        """The targets on the way to `targets`, each with gradients of its own."""
        return [targets]

    def renew(self, targets: list[float]) -> None:
        rounds = self.rounds(targets)
        try:
            with self._whole_or_undone(len(rounds)):
                for aims in rounds:
                    self._round(aims)
        except NotFiniteError as error:
            hint = "lower the learning rate: the model has diverged"
            raise UserError(f"{self.modifier.name}: {error}", hint) from None
        if self.sparseml_compatible and self.sampler is not None:
            # The original samples into the training's own gradients and leaves none behind.
            self.training.model.zero_grad(set_to_none=True)

    def _round(self, targets: list[float]) -> None:
        """Score the weights, hold the masks for `targets` and move the weights that stay."""
        count, weights = self.gradient_count(), self.masking.parameters
        self.fishers = self.inverse_fishers()
        masks = self._masks(targets)
        pruned = [kept & ~mask for kept, mask in zip(self.kept(), masks, strict=True)]
        changes = [torch.zeros(weight.shape, device=weight.device) for weight in weights]
        for segment, fisher in self.fishers.each():
            segment.scatter(self.change(segment.gather(weights), segment.gather(pruned), fisher), changes)
        self.fishers = None
        for weight, change, gone in zip(weights, changes, pruned, strict=True):
            weight.add_(change).masked_fill_(gone, 0.0)
        self.masking.hold(masks)
        self.sampled += count

    def scores(self) -> list[torch.Tensor]:
        weights, fishers = self.masking.parameters, self.fishers or self.inverse_fishers()
        scores = [torch.zeros(weight.shape, device=weight.device) for weight in weights]
        for segment, fisher in fishers.each():
            segment.scatter(self.score(segment.gather(weights), fisher), scores)
        self.fill_pruned(scores)
        return scores

    def kept(self) -> list[torch.Tensor]:
        """Boolean masks as they are held now; all true before the first."""
        if self.masking.active:
            return [mask.bool() for mask in self.masking.masks]
        return [torch.ones_like(weight, dtype=torch.bool) for weight in self.masking.parameters]

    def estimate(self, collector: Callable[[int], Collector]) -> Estimate:
        """What the gradients of the next round will say."""
        if self.sampler is None:
            raise RuntimeError(f"{self.modifier.name} does not sample gradients")
        kept = self.kept() if self.masking.prunes else None
        count, damp = self.gradient_count(), self.modifier.damp
        return Estimate(self.sampler, self.masking.parameters, kept, self.sampled, count, damp, collector)

    @contextlib.contextmanager
    def _whole_or_undone(self, rounds: int) -> Generator[None]:
        """Undo the first rounds where the run is stopped in a later one; a single round changes nothing until then."""
        before = self.state_dict() if rounds > 1 else None
        weights = [weight.clone() for weight in self.masking.parameters] if rounds > 1 else []
        try:
            yield
        except BaseException:
            if before is not None:
                for weight, saved in zip(self.masking.parameters, weights, strict=True):
                    weight.copy_(saved)
                self.load_state_dict(before)
            raise

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "sampled": self.sampled}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.sampled = int(state["sampled"])
