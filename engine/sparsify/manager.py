"""Runs the modifiers of a recipe at the steps they are due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from engine.errors import UserError
from engine.recipes.clock import epoch_at
from engine.recipes.modifiers import Modifier
from engine.recipes.recipe import Recipe
from engine.sparsify.behaviours import BEHAVIOURS, Behaviour, Moment, Training
from engine.sparsify.behaviours.distillation import Distillation
from engine.sparsify.behaviours.quantization import Quantization
from engine.sparsify.behaviours.teacher import TaughtBehaviour
from engine.sparsify.behaviours.training import LearningRate, LearningRateFunction, SetLearningRate
from engine.sparsify.context import Change, LayerReport, LossParts, Teacher, TrainingContext
from engine.sparsify.quantization.fake_quantizer import fake_quantizers
from engine.sparsify.report import layer_reports, overall_sparsity

STATE_VERSION = 1

Kind = TypeVar("Kind", bound=Behaviour[Any])


class SparsificationManager:
    """The recipe at work in one training.

    Order of calls: `prepare`, then optimizer and `initialize`, then for every step `loss`, backward, clipping,
    `before_optimizer_step`, the step, `after_optimizer_step`; at the end `finalize`. A resumed run gives the saved
    state to `prepare` and to `load_state_dict` after `initialize`. `sparseml_compatible` keeps behaviour of the
    original that is known to be a defect.
    """

    def __init__(self, recipe: Recipe | None, *, sparseml_compatible: bool = False) -> None:
        self.recipe = recipe
        self.sparseml_compatible = sparseml_compatible
        modifiers = [] if recipe is None else list(recipe.modifiers)
        self.behaviours = [self._behaviour(modifier) for modifier in modifiers]
        self.training: Training | None = None
        self.step = 0

    def _behaviour(self, modifier: Modifier) -> Behaviour[Any]:
        return BEHAVIOURS[type(modifier)](modifier, sparseml_compatible=self.sparseml_compatible)

    def prepare(self, model: nn.Module, epoch: float = 0.0, *, state: Mapping[str, Any] | None = None) -> None:
        """Give `model` the structure it has at `epoch` (inf: when all is done), before the optimizer exists.

        With the `state` of an interrupted run the model gets the parameters that its optimizer was made for; what was
        dropped or put back since is left to `load_state_dict`.
        """
        for index, behaviour in enumerate(self.behaviours):
            if state is None:
                behaviour.prepare(model, epoch)
            else:
                behaviour.restore_structure(model, state["behaviours"][index]["structure"])

    def remarks(self, model: nn.Module) -> list[str]:
        """What of the recipe does something else on `model` than its text says, in words."""
        return [remark for behaviour in self.behaviours for remark in behaviour.remarks(model)]

    def check(self, model: nn.Module, teacher: Teacher) -> None:
        """Raise `UserError` for names in the recipe that `model`, prepared, or `teacher` does not have."""
        for behaviour in self.behaviours:
            behaviour.check(model, teacher)

    def initialize(self, model: nn.Module, optimizer: torch.optim.Optimizer, context: TrainingContext) -> None:
        """Meet model, optimizer and run. Raises `UserError` where the recipe does not fit them."""
        self.training = Training(model, optimizer, context)
        for behaviour in self.behaviours:
            behaviour.initialize(self.training)

    def before_optimizer_step(self, step: int) -> None:
        """Run every update that is due before optimizer step `step` (0 first), in the recipe's order."""
        self.step = step
        for behaviour in self.behaviours:
            epoch = self._moment(step).epoch
            if behaviour.schedule.ready(epoch):
                self._update(behaviour, step, epoch)
        for behaviour in self.behaviours:
            behaviour.before_step(self._moment(step))

    def _update(self, behaviour: Behaviour[Any], step: int, epoch: float) -> None:
        due = behaviour.schedule.update(epoch)
        moment = Moment(step, epoch, due.starts, due.ends)
        if moment.starts:
            behaviour.say(moment, "enter", behaviour.modifier.name)
        behaviour.update(moment)
        if moment.ends:
            behaviour.say(moment, "leave", behaviour.modifier.name)

    def after_optimizer_step(self, step: int) -> None:
        """Hold the masks again after the weights moved."""
        for behaviour in self.behaviours:
            behaviour.after_step()
        self.step = step + 1

    def loss(self, step: int, task_loss: torch.Tensor, student_outputs: Any, inputs: Mapping[str, Any]) -> LossParts:
        """The loss of step `step`: `task_loss`, changed by what is active then. `inputs` are those of the model."""
        parts = LossParts(task_loss, task_loss)
        for behaviour in self.behaviours:
            parts = behaviour.loss(self._moment(step), parts, student_outputs, inputs)
        return parts

    def will_sample(self, step: int) -> bool:
        """Whether batches are sampled before step `step` is made, or to finalize a run that ends there."""
        epoch = self._moment(step).epoch
        return any(behaviour.will_sample(epoch) for behaviour in self.behaviours)

    def roll_back(self, state: Mapping[str, Any]) -> bool:
        """Go back to a `state` of this run; False, and nothing is changed, where the model has another structure."""
        same = all(
            behaviour.structure() == saved["structure"]
            for behaviour, saved in zip(self.behaviours, state["behaviours"], strict=True)
        )
        if same:
            self.load_state_dict(state)
        return same

    def finalize(self) -> None:
        """End the run: a last update that its length left out, and the masks for the last time."""
        for behaviour in self.behaviours:
            moment = self._moment(self.step)
            behaviour.finalize(moment)
            if behaviour.schedule.active:
                behaviour.say(moment, "leave", behaviour.modifier.name)

    def _moment(self, step: int) -> Moment:
        return Moment(step, epoch_at(step, self._running.context.steps_per_epoch))

    @property
    def _running(self) -> Training:
        if self.training is None:
            raise RuntimeError("initialize the manager before the first step")
        return self.training

    def state_dict(self) -> dict[str, Any]:
        """Masks, schedules, structure and switches; with model and optimizer, all a resumed run needs."""
        return {
            "version": STATE_VERSION,
            "step": self.step,
            "modifiers": [type(behaviour.modifier).__name__ for behaviour in self.behaviours],
            "behaviours": [
                {
                    "schedule": behaviour.schedule.state_dict(),
                    "structure": behaviour.structure(),
                    "state": behaviour.state_dict(),
                }
                for behaviour in self.behaviours
            ],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken. Raises `UserError` where it was taken with another recipe."""
        names = [type(behaviour.modifier).__name__ for behaviour in self.behaviours]
        if state["version"] != STATE_VERSION or state["modifiers"] != names:
            raise UserError("the checkpoint was made with another recipe", "resume with the recipe of the run")
        self.step = state["step"]
        for behaviour, saved in zip(self.behaviours, state["behaviours"], strict=True):
            behaviour.schedule.load_state_dict(saved["schedule"])
            behaviour.load_state_dict(saved["state"])

    @property
    def controls_learning_rate(self) -> bool:
        """Whether the recipe sets the learning rate, so that no other schedule may."""
        return any(self._of(LearningRateFunction, LearningRate, SetLearningRate))

    @property
    def distils(self) -> bool:
        """Whether the recipe needs a teacher."""
        return any(self._of(TaughtBehaviour))

    def distils_only(self, logits: Sequence[str]) -> bool:
        """Whether all that the recipe needs of a teacher are these `logits` of its for the student's inputs."""
        taught = list(self._of(TaughtBehaviour))
        return bool(taught) and all(isinstance(one, Distillation) and one.compares_only(logits) for one in taught)

    @property
    def quantizes(self) -> bool:
        """Whether the recipe quantizes."""
        return any(self._of(Quantization))

    def calibrate(self, steps: int) -> int:
        """Set the ranges of all quantizers by batches of the run's data and freeze them, where nothing is trained.

        As many batches as the recipe says (`num_calibration_steps`), else `steps`; returns how many.
        """
        quantizations = list(self._of(Quantization))
        steps = max((item.modifier.num_calibration_steps or 0 for item in quantizations), default=0) or steps
        for _, quantizer in fake_quantizers(self._running.model):
            quantizer.observing = True
        if quantizations:
            quantizations[0].calibrate(steps)
        for behaviour in quantizations:
            behaviour.freeze(self._running.model)
        return steps

    def quantization_active(self, epoch: float) -> bool:
        """Whether the model is, or should be, quantized at `epoch`."""
        return any(epoch >= behaviour.modifier.begins for behaviour in self._of(Quantization))

    def _of(self, *kinds: type[Kind]) -> Iterator[Kind]:
        return (behaviour for behaviour in self.behaviours if isinstance(behaviour, kinds))

    def layers(self) -> list[LayerReport]:
        """Every prunable weight of the model."""
        return layer_reports(self._running.model, [held for item in self.behaviours for held in item.maskings()])

    def sparsity(self) -> tuple[float | None, float | None]:
        """Share of zeros and share aimed at, over all pruned parameters; None where nothing is pruned."""
        return overall_sparsity([held for item in self.behaviours for held in item.maskings()])

    def drain(self) -> list[Change]:
        """What changed since the last call."""
        if self.training is None:
            return []
        changes, self.training.changes = self.training.changes, []
        return changes
