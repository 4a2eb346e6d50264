"""What a timeline says of every step is what a training does at it, modifier by modifier."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from engine.recipes import Recipe, parse_recipe
from engine.recipes.clock import epoch_at
from engine.recipes.modifiers import ConstantPruningModifier
from engine.recipes.registry import MODIFIERS
from engine.recipes.timeline import Timeline, timeline
from engine.sparsify.behaviours.layers import PassThrough
from engine.sparsify.behaviours.pruning import MaskingBehaviour
from engine.sparsify.context import TrainingContext
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.quantization.fake_quantizer import fake_quantizers

LAYERS = "abcdefghijklm"
RATE = 0.03
# Every modifier that can be run, starts and ends on steps and between them, ends with the run and none at all.
RECIPE = """\
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 9}
  - !SparsificationLoggingModifier {}
  - !ACDCPruningModifier {params: [a.weight], compression_sparsity: 0.5, start_epoch: 1, end_epoch: 7,
      update_frequency: 1}
  - !MovementPruningModifier {params: [b.weight], init_sparsity: 0.1, final_sparsity: 0.6, start_epoch: 0.4,
      end_epoch: 3.3, update_frequency: 0.3, inter_func: linear, leave_enabled: false}
  - !MFACPruningModifier {params: [c.weight], init_sparsity: 0.2, final_sparsity: 0.7, start_epoch: 2, end_epoch: 9,
      update_frequency: 2, num_grads: 2, fisher_block_size: 4, grad_sampler_kwargs: {}}
  - !OBSPruningModifier {params: [d.weight], init_sparsity: 0.2, final_sparsity: 0.6, start_epoch: 1.5, end_epoch: 6.2,
      update_frequency: 0.7, num_grads: 2, fisher_block_size: 4}
  - !StructuredPruningModifier {params: [e.weight], init_sparsity: 0.0, final_sparsity: 0.3, start_epoch: -1,
      end_epoch: 5, update_frequency: -1}
  - !GMPruningModifier {params: [], init_sparsity: 0.0, final_sparsity: {0.5: [f.weight, g.weight], 0.8: [h.weight]},
      start_epoch: 1, end_epoch: 2, update_frequency: 0.5, inter_func: inverse_cubic}
  - !GlobalMagnitudePruningModifier {params: [f.bias, g.bias], init_sparsity: 0.2, final_sparsity: 0.5, start_epoch: 8,
      end_epoch: -1, update_frequency: 0.2}
  - !MagnitudePruningModifier {params: [h.bias], init_sparsity: 0.2, final_sparsity: 0.5, start_epoch: 3.1,
      end_epoch: 3.15, update_frequency: 0.01, leave_enabled: false}
  - !OneShotPruningModifier {params: [m.weight], method: magnitude, sparsity: 0.5, start_epoch: 3}
  - !ConstantPruningModifier {params: [i.weight], start_epoch: 2, end_epoch: 6}
  - !LayerPruningModifier {layers: [j], start_epoch: 1.5, end_epoch: 4}
  - !TrainableParamsModifier {params: [k.bias], trainable: false, start_epoch: 1, end_epoch: 4}
  - !GradualParamModifier {params: [l.bias], init_val: 1, final_val: 3, start_epoch: 2, end_epoch: 6,
      update_frequency: 0.5, inter_func: cubic}
  - !SetParamModifier {params: [m.bias], val: 4, start_epoch: 3}
  - !LearningRateFunctionModifier {lr_func: cyclic_linear, cycle_epochs: 0.5, init_lr: 0.01, final_lr: 0.001,
      start_epoch: 0.3, end_epoch: 1.6}
  - !LearningRateModifier {lr_class: MultiStepLR, lr_kwargs: {milestones: [2, 4], gamma: 0.5}, init_lr: 0.01,
      start_epoch: 1.6, end_epoch: 5}
  - !LearningRateFunctionModifier {lr_func: cosine, init_lr: 0.01, final_lr: 0.001, start_epoch: 6, end_epoch: 6.9}
  - !SetLearningRateModifier {learning_rate: 0.002, start_epoch: 7.5}
  - !SetWeightDecayModifier {weight_decay: 0.2, start_epoch: 2}
  - !DistillationModifier {hardness: 0.5, start_epoch: 1, end_epoch: 4, distill_output_keys: [logits]}
  - !PerLayerDistillationModifier {gain: 1.5, start_epoch: 5, end_epoch: 8, student_layer_names: [b]}
  - !QuantizationModifier {quantize_linear_activations: 0, start_epoch: 6, disable_quantization_observer_epoch: 8}
"""
SCHEME = "modifiers:\n  - !QuantizationModifier {start_epoch: 1, ignore: [a]}\n"


class Net(nn.Module):
    """Layers in a row, called after letters."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        for name in LAYERS:
            self.add_module(name, nn.Linear(4, 4))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        for name in LAYERS:
            x = torch.tanh(self.get_submodule(name)(x))
        return {"logits": x}


@dataclass
class Run:
    """A training by a recipe, step after step."""

    recipe: Recipe
    steps_per_epoch: int
    compatible: bool

    def __post_init__(self) -> None:
        self.model, self.x = Net(), torch.randn(3, 4)
        self.manager = SparsificationManager(self.recipe, sparseml_compatible=self.compatible)
        self.manager.prepare(self.model)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=RATE, weight_decay=0.01)
        self.total = 9 * self.steps_per_epoch
        context = TrainingContext(
            steps_per_epoch=self.steps_per_epoch,
            total_steps=self.total,
            teacher=Net(),
            gradient_losses=lambda title, settings: self._losses,
        )
        self.manager.initialize(self.model, self.optimizer, context)

    def _losses(self, first: int, count: int, text: str) -> Generator[torch.Tensor]:
        for _ in range(count):
            yield self._task_loss(self.model(self.x))

    def _task_loss(self, outputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return (outputs["logits"] - 0.3).square().mean()

    def step(self, step: int) -> dict[str, Any]:
        """Make one step; returns what there is to see between its updates and the movement of the weights."""
        self.optimizer.zero_grad()
        outputs = self.model(self.x)
        parts = self.manager.loss(step, self._task_loss(outputs), outputs, {"x": self.x})
        parts.total.backward()
        self.manager.before_optimizer_step(step)
        now = {"learning rate": self.optimizer.param_groups[0]["lr"], "distils": parts.distillation is not None}
        now |= {index: self.value(index) for index in range(len(self.manager.behaviours))}
        self.optimizer.step()
        self.manager.after_optimizer_step(step)
        return now

    def value(self, index: int) -> Any:
        """What the modifier of an index has set."""
        behaviour, modifier = self.manager.behaviours[index], self.recipe.modifiers[index]
        if isinstance(modifier, ConstantPruningModifier):
            return behaviour.masking.active  # type: ignore[attr-defined]
        if isinstance(behaviour, MaskingBehaviour):
            active = behaviour.masking.active
            return {
                name: aim if active else 0.0
                for name, aim in zip(behaviour.masking.names, behaviour.applied, strict=True)
            }
        quantizers = [quantizer for _, quantizer in fake_quantizers(self.model)]
        return {
            "LayerPruningModifier": isinstance(self.model.get_submodule("j"), PassThrough),
            "TrainableParamsModifier": self.model.k.bias.requires_grad,
            "GradualParamModifier": self.model.l.bias[0].item(),
            "SetParamModifier": self.model.m.bias[0].item(),
            "SetWeightDecayModifier": self.optimizer.param_groups[0]["weight_decay"],
            "QuantizationModifier": (bool(quantizers), any(quantizer.observing for quantizer in quantizers)),
        }.get(modifier.name)


@pytest.mark.parametrize("compatible", [False, True])
@pytest.mark.parametrize("steps_per_epoch", [1, 3, 10])
def test_a_timeline_says_what_a_training_does(steps_per_epoch: int, compatible: bool) -> None:
    recipe = parse_recipe(RECIPE)
    assert {modifier.name for modifier in recipe.modifiers} == set(MODIFIERS)
    run = Run(recipe, steps_per_epoch, compatible)
    course = timeline(recipe, steps_per_epoch, run.total, sparseml_compatible=compatible)
    for step in range(run.total):
        compare(course, recipe, run.step(step), step)
    run.manager.finalize()
    for track in course.tracks:
        behaviour = run.manager.behaviours[track.index]
        stays = getattr(recipe.modifiers[track.index], "leave_enabled", True)
        if isinstance(behaviour, MaskingBehaviour) and track.quantity == "sparsity" and stays:
            left = dict(zip(behaviour.masking.names, behaviour.applied, strict=True))
            assert {left[name] for name in track.params} == {track.series.at(9.0)}, behaviour.modifier.name


def compare(course: Timeline, recipe: Recipe, now: dict[Any, Any], step: int) -> None:
    """All that a timeline says of one step."""
    epoch = epoch_at(step, course.steps_per_epoch)
    rate = course.learning_rate.at(epoch)
    assert now["learning rate"] == (RATE if rate is None else rate), step
    assert now["distils"] == bool(course.distillation.at(epoch)), step
    for track in course.tracks:
        name, value = recipe.modifiers[track.index].name, track.series.at(epoch)
        seen = now[track.index]
        if track.quantity == "sparsity":
            assert {seen[parameter] or 0.0 for parameter in track.params} == {value or 0.0}, (name, step)
        elif track.quantity == "value":
            assert step not in track.series.steps or seen == pytest.approx(value, rel=1e-6), (name, step)
        elif track.quantity in ("zeros held", "layers dropped"):
            assert seen == bool(value), (name, step)
        elif track.quantity == "trainable":
            assert seen == (value is None), (name, step)
        elif track.quantity == "weight decay":
            assert seen == (0.01 if value is None else value), step
        elif track.quantity in ("quantization", "observers"):
            assert seen[track.quantity == "observers"] == bool(value), (name, track.quantity, step)


def test_quantization_by_a_scheme() -> None:
    recipe = parse_recipe(SCHEME)
    run = Run(recipe, 4, False)
    course = timeline(recipe, 4, run.total)
    for step in range(8):
        compare(course, recipe, run.step(step), step)
