"""Learning from the outputs of a teacher's layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from engine.errors import UserError, plain
from engine.recipes.modifiers import PerLayerDistillationModifier
from engine.sparsify.behaviours.base import Moment, Training, behaviour_of
from engine.sparsify.behaviours.teacher import TaughtBehaviour
from engine.sparsify.context import LossParts, Teacher
from engine.sparsify.distillation_loss import feature_distance
from engine.sparsify.layer_outputs import LayerOutputs, first_tensor, named_layers
from engine.sparsify.projections import Projections
from engine.sparsify.quantization.layers import QuantizedLinear

DISTILLED = (nn.Linear, nn.Conv2d, QuantizedLinear)
Pair = tuple[torch.Tensor, torch.Tensor]


@behaviour_of(PerLayerDistillationModifier)
class LayerDistillation(TaughtBehaviour[PerLayerDistillationModifier]):
    """Adds the distance between pairs of layer outputs, student's and teacher's: task + gain · distance.

    Without names all linear and convolution layers take part, paired in the order of the models. The student's outputs
    are first projected to the teacher's size if `project_features` says so.
    """

    def check(self, model: nn.Module, teacher: Teacher) -> None:
        if teacher is None:
            self.layers(model, "student")
        elif teacher != "disable":
            self._paired(model, teacher)

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.projections = Projections(training.optimizer)
        self.pairs: list[tuple[str, str]] = []
        students: dict[str, nn.Module] = {}
        if not self.disabled:
            students, self.pairs = self._paired(training.model, training.context.teacher)
        self.listener = LayerOutputs(students, with_gradients=True)
        if self.sparseml_compatible and not self.disabled:
            self.teacher()  # the original takes its copy of the student at once

    def _paired(self, model: nn.Module, teacher: Teacher) -> tuple[dict[str, nn.Module], list[tuple[str, str]]]:
        """The student's layers, and which of the teacher's belongs to each."""
        students = self.layers(model, "student")
        teachers = self.layers(teacher if isinstance(teacher, nn.Module) else model, "teacher")
        modifier = self.modifier
        first, second = modifier.student_layer_names or (*students,), modifier.teacher_layer_names or (*teachers,)
        if len(first) != len(second):
            raise UserError(
                f"{modifier.name}: the student has {len(first)} layers to distil, the teacher {len(second)}",
                "give student_layer_names and teacher_layer_names",
            )
        return students, list(zip(first, second, strict=True))

    def layers(self, model: nn.Module, whose: str) -> dict[str, nn.Module]:
        """The layers of the student or the teacher that take part. Raises `UserError` for names it does not have."""
        names = getattr(self.modifier, f"{whose}_layer_names")
        layers = named_layers(model, names, DISTILLED, whose=whose, modifier=self.modifier.name)
        if not layers:
            raise UserError(f"{self.modifier.name}: the {whose} has no layer to distil", f"give {whose}_layer_names")
        return layers

    def loss(self, moment: Moment, parts: LossParts, outputs: Any, inputs: Mapping[str, Any]) -> LossParts:
        noted = self.listener.take()
        if not self.teaches(moment.epoch):
            return parts
        taught = self._taught(inputs)
        pairs = [(self._output(noted, one, "student"), self._output(taught, two, "teacher")) for one, two in self.pairs]
        with torch.autocast(pairs[0][0].device.type, enabled=False):
            distance = torch.stack([self._distance(pair) for pair in self._projected(pairs)]).sum()
        return LossParts(parts.total + self.modifier.gain * distance, parts.task, distance)

    def _distance(self, pair: Pair) -> torch.Tensor:
        return feature_distance(*pair, normalize=self.modifier.normalize, epsilon=self.modifier.epsilon)

    def _taught(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        teacher = self.teacher()
        layers = {name: teacher.get_submodule(name) for _, name in self.pairs}
        with LayerOutputs(layers, with_gradients=False) as listener:
            self.ask_teacher(inputs)
            return listener.take()

    def _output(self, outputs: Mapping[str, Any], name: str, whose: str) -> torch.Tensor:
        tensor = first_tensor(outputs.get(name))
        if tensor is None:
            raise UserError(
                f"{self.modifier.name}: layer {plain(name)} of the {whose} put out no tensor in this step",
                f"name layers that the {whose} runs",
            )
        return tensor.float()

    def _projected(self, pairs: list[Pair]) -> list[Pair]:
        if self.modifier.project_features:
            self.projections.make(pairs)
            self.projections.join()
            layers = self.projections.layers
            pairs = [(layer(output), taught) for layer, (output, taught) in zip(layers, pairs, strict=True)]
        for output, taught in pairs:
            self._check_shapes(output.shape, taught.shape)
        return pairs

    def _check_shapes(self, student: torch.Size, teacher: torch.Size) -> None:
        if student != teacher:
            raise UserError(
                f"{self.modifier.name}: outputs of student and teacher differ in shape: "
                f"{list(student)} and {list(teacher)}",
                "pair other layers, or set project_features: true for layers of different width",
            )

    def update(self, moment: Moment) -> None:
        if moment.ends:
            self._stop()

    def before_step(self, moment: Moment) -> None:
        self.projections.follow()

    def after_step(self) -> None:
        self.projections.leave()

    def finalize(self, moment: Moment) -> None:
        self._stop()

    def _stop(self) -> None:
        self.listener.close()
        self.projections.leave()

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "projections": self.projections.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        device = next((parameter.device for parameter in self.training.model.parameters()), torch.device("cpu"))
        self.projections.load_state_dict(state["projections"], device)
        if self.schedule.ended:
            self.listener.close()
        else:
            self.listener.open()
