"""Pruning in one step, calibrated on inputs of the run's data."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator

import torch
from torch import nn

from engine.errors import UserError
from engine.recipes.modifiers import OneShotPruningModifier
from engine.sparsify.behaviours.base import Moment, behaviour_of
from engine.sparsify.behaviours.pruning import MaskingBehaviour
from engine.sparsify.fisher.sampling import evaluating
from engine.sparsify.one_shot.choice import check_columns
from engine.sparsify.one_shot.inputs import InputProducts, InputSquares
from engine.sparsify.one_shot.layers import select_linear_weights
from engine.sparsify.one_shot.passes import Batches, CalibrationPasses, Sums
from engine.sparsify.one_shot.sparsegpt import SparseGPT
from engine.sparsify.one_shot.stages import find_stages
from engine.sparsify.one_shot.wanda import Magnitude, Pruned, Wanda
from engine.sparsify.parameters import NamedParameters


@behaviour_of(OneShotPruningModifier)
class OneShotPruning(MaskingBehaviour[OneShotPruningModifier]):
    """Prunes every linear layer to the sparsity when it starts, and holds the masks from then on.

    The inputs of the layers of one encoder layer are those that the pruned layers before it put out. They are taken
    beside the training, without dropout and in full precision: its data, random numbers, modes and observers stay as
    they are.
    """

    def selected(self, model: nn.Module) -> NamedParameters:
        modifier = self.modifier
        chosen = select_linear_weights(model, modifier.params, modifier.ignore, modifier=modifier.name)
        for name, weight in chosen:
            with self._named(name):
                check_columns(modifier.mask_type, weight.shape[1])
        return chosen

    def will_sample(self, epoch: float) -> bool:
        return self.modifier.calibrates and self.schedule.start_pending(epoch)

    @torch.no_grad()
    def update(self, moment: Moment) -> None:
        if moment.starts:
            self._prune(moment)
        if moment.ends:
            self.let_go()

    def _prune(self, moment: Moment) -> None:
        modifier, masks = self.modifier, dict[str, torch.Tensor]()
        with self._whole_or_undone(), evaluating(self.training.model):
            parameters = dict(zip(self.masking.names, self.masking.parameters, strict=True))
            for name, (weight, mask) in self._pruned(parameters):
                parameters[name].copy_(weight)
                masks[name] = mask
        self.masking.hold([masks[name] for name in self.masking.names])
        self.applied = [modifier.sparsity] * len(masks)
        self.say(moment, "update", f"{modifier.name}: {modifier.method}, sparsity {modifier.sparsity:g}")

    def _pruned(self, parameters: dict[str, nn.Parameter]) -> Iterator[tuple[str, Pruned]]:
        """The new weights and the mask of one parameter after the other; apply them before you take the next."""
        modifier = self.modifier
        if not modifier.calibrates:
            magnitude = Magnitude(modifier.sparsity, modifier.mask_type)
            yield from ((name, magnitude.prune(weight)) for name, weight in parameters.items())
            return
        kind = InputProducts if modifier.method == "sparsegpt" else InputSquares
        stages = find_stages(self.training.model, list(parameters))
        title = f"{modifier.name} by {modifier.method}"
        passes = CalibrationPasses(self.training.model, self._batches(), stages, title)
        for _, sums in passes.each(kind):
            yield from self._by_inputs(parameters, sums)

    def _by_inputs(self, parameters: dict[str, nn.Parameter], sums: Sums) -> Iterator[tuple[str, Pruned]]:
        modifier = self.modifier
        wanda = Wanda(modifier.sparsity, modifier.mask_type)
        sparsegpt = SparseGPT(modifier.sparsity, modifier.mask_type, modifier.block_size, modifier.dampening)
        method = sparsegpt if modifier.method == "sparsegpt" else wanda
        for name in list(sums):
            taken = sums.pop(name)
            if not taken.finite:
                hint = "lower the learning rate: the model has diverged"
                raise UserError(f"{modifier.name}: what goes into {name} is not a number", hint)
            with self._named(name):
                yield name, method.prune(parameters[name], taken.sums)

    def _batches(self) -> Batches:
        source, name = self.training.context.calibration_inputs, self.modifier.name
        if source is None:
            raise UserError(f"{name} calibrates, but there is no training data", "name it with --train_file")
        return lambda text: source(self.modifier.num_samples, text)

    @contextlib.contextmanager
    def _named(self, parameter: str) -> Generator[None]:
        """Say of an error which modifier and parameter it is about."""
        try:
            yield
        except UserError as error:
            raise UserError(f"{self.modifier.name}: {parameter}: {error.message}", error.hint) from None

    @contextlib.contextmanager
    def _whole_or_undone(self) -> Generator[None]:
        """Give the weights back that are changed already where the run is stopped meanwhile."""
        before = [weight.clone() for weight in self.masking.parameters]
        try:
            yield
        except BaseException:
            for weight, saved in zip(self.masking.parameters, before, strict=True):
                weight.copy_(saved)
            raise
