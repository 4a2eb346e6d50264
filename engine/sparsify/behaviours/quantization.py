"""Quantization-aware training from an epoch on, and the freezing of its observers."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from torch import nn

from engine.errors import UserError
from engine.recipes.modifiers import AnyQuantizationModifier, QuantizationModifier, SchemeQuantizationModifier
from engine.sparsify.behaviours.base import Behaviour, Moment, Training, behaviour_of
from engine.sparsify.context import Teacher
from engine.sparsify.quantization.by_scheme import PlacementByScheme
from engine.sparsify.quantization.by_submodules import PlacementBySubmodules
from engine.sparsify.quantization.calibration import calibrate
from engine.sparsify.quantization.convert import left_in_float, quantize
from engine.sparsify.quantization.fake_quantizer import fake_quantizers
from engine.sparsify.quantization.layers import QuantizedLinear
from engine.sparsify.quantization.placement import Placement


@behaviour_of(QuantizationModifier, SchemeQuantizationModifier)
class Quantization(Behaviour[AnyQuantizationModifier]):
    """Converts the model at the start, calibrates it on `num_calibration_steps` batches if there are any, and freezes
    the observers at `disable_quantization_observer_epoch`."""

    phase = "qat"

    def __init__(self, modifier: AnyQuantizationModifier, *, sparseml_compatible: bool = False) -> None:
        super().__init__(modifier, sparseml_compatible=sparseml_compatible)
        self.placement = _placement(modifier)
        self.converted = False
        self.frozen = False
        self.waits = False
        """Whether ranges are to be calibrated as soon as there is data."""

    def prepare(self, model: nn.Module, epoch: float) -> None:
        if epoch >= self.modifier.begins:
            self.convert(model)
            self.waits = True

    def check(self, model: nn.Module, teacher: Teacher) -> None:
        self.placement.check(model)

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        if self.waits:
            self._calibrate_if_asked()

    def remarks(self, model: nn.Module) -> list[str]:
        kinds = left_in_float(model, self.placement)
        products = "the products of its attention stay in float, its linear layers and embeddings are quantized"
        return [f"{self.modifier.name}: {kind} is not known here: {products}" for kind in kinds]

    def convert(self, model: nn.Module) -> None:
        """Place the fake quantizers, once."""
        if not self.converted:
            quantize(model, self.placement, observes_in_eval=self.sparseml_compatible)
            self.converted = True

    def update(self, moment: Moment) -> None:
        model = self.training.model
        if moment.starts and not self.converted:
            self.convert(model)
            with self._whole_or_undone():
                self._calibrate_if_asked()
        if self._freezes(moment.epoch):
            self.freeze(model)
            self.say(moment, "update", f"{self.modifier.name}: observers frozen")

    def calibrate(self, steps: int) -> None:
        """Set the ranges by `steps` batches of the training data. Raises `UserError` where the run has none."""
        source = self.training.context.gradient_losses
        if source is None:
            raise UserError(
                f"{self.modifier.name}: there is no training data to calibrate the quantizers on",
                "give --train_file or --dataset_name",
            )
        losses = source(f"{self.modifier.name} num_calibration_steps", {})
        calibrate(self.training.model, losses(0, steps, f"calibrating on {steps} batches"))

    def will_sample(self, epoch: float) -> bool:
        return bool(self.modifier.num_calibration_steps) and not self.converted and epoch >= self.modifier.begins

    @contextmanager
    def _whole_or_undone(self) -> Generator[None]:
        """A run that is stopped inside begins with it again: to its checkpoint the model is not converted yet."""
        try:
            yield
        except BaseException:
            self.converted = False
            raise

    def _calibrate_if_asked(self) -> None:
        # In one shot the weights are pruned first: see the manager's `calibrate`.
        self.waits = False
        if self.modifier.num_calibration_steps and not self.training.context.one_shot:
            self.calibrate(self.modifier.num_calibration_steps)

    def freeze(self, model: nn.Module) -> None:
        """Keep the scales as they are from now on."""
        for name, quantizer in fake_quantizers(model):
            if not (self.sparseml_compatible and self._escapes(model, name)):
                quantizer.observing = False
        self.frozen = True

    def _freezes(self, epoch: float) -> bool:
        at = self.modifier.disable_quantization_observer_epoch
        return at is not None and not self.frozen and epoch >= at

    def _escapes(self, model: nn.Module, quantizer: str) -> bool:
        """The original never freezes the observers of a linear layer that is itself listed as a submodule."""
        owner = quantizer.rpartition(".")[0]
        listed = getattr(self.placement, "submodules", None) or ()
        return owner in listed and isinstance(model.get_submodule(owner), QuantizedLinear)

    def structure(self) -> dict[str, Any]:
        return {"converted": self.converted}

    def restore_structure(self, model: nn.Module, structure: dict[str, Any]) -> None:
        if structure["converted"]:
            self.convert(model)

    def state_dict(self) -> dict[str, Any]:
        return {"frozen": self.frozen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["frozen"]:
            self.freeze(self.training.model)


def _placement(modifier: AnyQuantizationModifier) -> Placement:
    if isinstance(modifier, SchemeQuantizationModifier):
        return PlacementByScheme(modifier)
    if isinstance(modifier, QuantizationModifier):
        return PlacementBySubmodules(modifier)
    raise TypeError(f"{type(modifier).__name__} is no quantization modifier")
