"""Second-order pruning: leaves no trace in a training, resumes to the same bits, refuses what it cannot do."""

from __future__ import annotations

import copy
import random
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import UserError
from engine.recipes import parse_recipe
from engine.sparsify.behaviours import mfac, obs
from engine.sparsify.behaviours.second_order import SecondOrderPruning
from engine.sparsify.context import TrainingContext
from engine.sparsify.fisher.blocks import bytes_per_weight
from engine.sparsify.fisher.scratch import Scratch
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.quantization.fake_quantizer import fake_quantizers
from tests.small_runs import STEPS_PER_EPOCH, SmallRun, adam, assert_resumes
from tests.tiny_models import make_bert

FIELDS = """params: [first.weight, second.weight], init_sparsity: 0.2, final_sparsity: 0.8, start_epoch: 1,
    end_epoch: 4, update_frequency: 1, damp: 1.0e-4"""
OBS = f"modifiers:\n  - !OBSPruningModifier {{{FIELDS}, num_grads: 7, fisher_block_size: 8"
MFAC = f"modifiers:\n  - !MFACPruningModifier {{{FIELDS}, num_grads: 3"
RECIPES = {
    "obs": OBS + "}",
    "obs in rounds": OBS + ", num_recomputations: 3}",
    "obs in runs": OBS + ", mask_type: block4}",
    "mfac": MFAC + ", fisher_block_size: 20}",
    "mfac in one block": MFAC + ", fisher_block_size: 0}",
    "mfac buffered": MFAC + ", fisher_block_size: 5, use_gradient_buffering: true}",
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_run_resumes_to_the_same_bits(recipe: str) -> None:
    assert_resumes(recipe, steps=10, optimizer=adam)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_final_sparsity_is_reached(recipe: str) -> None:
    run = SmallRun(recipe, steps=8)
    run.steps(range(8))
    run.manager.finalize()
    weights = [run.model.get_parameter(f"{name}.weight") for name in ("first", "second")]
    zeros, total = (sum(int(count) for count in counts) for counts in ([(w == 0).sum() for w in weights], [48, 32]))
    assert zeros == pytest.approx(0.8 * total, abs=2)


class Bert:
    """A step of a quantized BERT with dropout up to where the recipe acts."""

    RECIPE = """modifiers:
  - !QuantizationModifier {start_epoch: 0, submodules: [bert.encoder, qa_outputs]}
  - !OBSPruningModifier {params: ["re:bert.encoder.*dense.weight"], init_sparsity: 0.3, final_sparsity: 0.8,
      start_epoch: 0, end_epoch: 2, update_frequency: 1, num_grads: 3, fisher_block_size: 4}
"""

    def __init__(self, *, compatible: bool = False) -> None:
        self.model = make_bert()
        self.manager = SparsificationManager(parse_recipe(self.RECIPE), sparseml_compatible=compatible)
        self.manager.prepare(self.model)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.modes: list[bool] = []
        context = TrainingContext(steps_per_epoch=2, total_steps=4, gradient_losses=lambda title, settings: self.losses)
        self.manager.initialize(self.model, self.optimizer, context)

    def losses(self, first: int, count: int, text: str) -> Generator[torch.Tensor]:
        for _ in range(count):
            self.modes.append(any(module.training for module in self.model.modules()))
            random.random()
            np.random.random()
            torch.rand(1)
            yield self.loss()

    def loss(self) -> torch.Tensor:
        inputs = {"input_ids": torch.arange(5, 25).view(2, 10), "start_positions": torch.tensor([1, 2])}
        return self.model(**inputs, end_positions=torch.tensor([3, 4])).loss


def test_sampling_leaves_no_trace_in_the_training() -> None:
    run = Bert()
    run.model.train()
    run.model.bert.embeddings.eval()
    frozen = run.model.get_parameter("bert.encoder.layer.0.output.dense.weight").requires_grad_(False)
    run.loss().backward()
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    gradients = {name: copy.deepcopy(weight.grad) for name, weight in run.model.named_parameters()}
    modes = [module.training for module in run.model.modules()]
    quantizers = {name: copy.deepcopy(one.state_dict()) for name, one in fake_quantizers(run.model)}
    drawn = (random.random(), np.random.random(), float(torch.rand(1)))
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)

    run.manager.before_optimizer_step(0)

    assert run.modes == [False] * 3
    assert (random.random(), np.random.random(), float(torch.rand(1))) == drawn
    assert [module.training for module in run.model.modules()] == modes
    assert not frozen.requires_grad
    assert int((frozen == 0).sum()) > 0
    for name, weight in run.model.named_parameters():
        assert (weight.grad is None) == (gradients[name] is None), name
        assert weight.grad is None or torch.equal(weight.grad, gradients[name]), name
    assert len(quantizers) > 10
    for name, quantizer in fake_quantizers(run.model):
        assert quantizer.observing
        for key, value in quantizer.state_dict().items():
            assert torch.equal(value, quantizers[name][key]), (name, key)


def test_gradients_are_lost_only_in_compatibility() -> None:
    run = Bert(compatible=True)
    run.model.train()
    run.loss().backward()
    run.manager.before_optimizer_step(0)
    assert all(weight.grad is None for weight in run.model.parameters())


@pytest.mark.parametrize("compatible", [False, True])
def test_one_step_an_epoch_prunes(compatible: bool) -> None:
    run = SmallRun(RECIPES["obs"], compatible=compatible)
    context = TrainingContext(steps_per_epoch=1, total_steps=6, gradient_losses=lambda title, settings: run.losses)
    run.manager.initialize(run.model, run.optimizer, context)
    run.steps(range(5))
    zeros = run.manager.sparsity()[0]
    assert zeros == (0.0 if compatible else pytest.approx(0.8, abs=0.02))


@pytest.mark.parametrize("name", ["obs", "obs in runs", "mfac"])
def test_little_memory_makes_passes_but_no_difference(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sampled: list[str] = []

    def trained(memory: int, scratch: Path | None = None) -> list[torch.Tensor]:
        module = mfac if name == "mfac" else obs
        monkeypatch.setattr(module, "fisher_memory", lambda device: memory)
        sampled.clear()
        run = SmallRun(RECIPES[name], steps=6)
        (pruning,) = run.manager.behaviours
        assert isinstance(pruning, SecondOrderPruning)
        assert pruning.sampler is not None
        pruning.training.context = replace(pruning.training.context, scratch=scratch)
        losses = pruning.sampler.losses

        def watched(first: int, count: int, text: str, /) -> Generator[torch.Tensor]:
            sampled.append(f"{first} {text}")
            return losses(first, count, text)

        pruning.sampler.losses = watched
        run.steps(range(6))
        return [weight.detach() for weight in run.model.parameters()]

    plenty = trained(1 << 30)
    assert len(sampled) == 2
    memory = 24 * (bytes_per_weight(8) if name != "mfac" else 12)
    # 48 and 32 weights, 24 at a time; with blocks of 20 over all that are left, 20 at a time: four parts.
    for scratch, count in ((None, 7), (tmp_path, 4)):
        little = trained(memory, scratch)
        assert all(torch.equal(one, other) for one, other in zip(plenty, little, strict=True))
        passes = [text for text in sampled if text.startswith("0 ")]
        assert len(passes) == count
        assert passes[-1].endswith(f"gradients, pass {count} of {count}")
        assert len({text.split()[0] for text in sampled}) == 2
    assert not list(tmp_path.iterdir())


def test_a_disk_without_room_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Scratch(tmp_path, 10).available
    assert not Scratch(tmp_path / "nowhere", 10).available
    assert not Scratch(None, 10).available

    def full(handle: int, offset: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    assert not Scratch(tmp_path, 10).available
    assert not list(tmp_path.iterdir())


class Regression:
    """A linear model at its best for inputs that go together, with noise so that there are gradients."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        mixed = torch.randn(12, 12, generator=generator)
        self.inputs = torch.randn(400, 12, generator=generator) @ mixed
        wanted = self.inputs @ torch.randn(12, 4, generator=generator) + torch.randn(400, 4, generator=generator)
        self.outputs = wanted
        self.model = nn.Sequential()
        self.model.add_module("first", nn.Linear(12, 4, bias=False))
        with torch.no_grad():
            self.model.get_parameter("first.weight").copy_(torch.linalg.lstsq(self.inputs, wanted).solution.T)

    def losses(self, first: int, count: int, text: str) -> Generator[torch.Tensor]:
        for place in range(first, first + count):
            at = place % len(self.inputs)
            yield (self.model(self.inputs[at]) - self.outputs[at]).square().sum()

    def error(self) -> float:
        with torch.no_grad():
            return float((self.model(self.inputs) - self.outputs).square().mean())

    def pruned(self, recipe: str) -> float:
        manager = SparsificationManager(parse_recipe(f"modifiers:\n  - {recipe}"))
        context = TrainingContext(steps_per_epoch=1, total_steps=1, gradient_losses=lambda title, settings: self.losses)
        manager.initialize(self.model, torch.optim.SGD(self.model.parameters(), lr=0.0), context)
        manager.before_optimizer_step(2)
        assert manager.sparsity()[0] == pytest.approx(manager.sparsity()[1], abs=0.02)
        return self.error()


def test_second_order_pruning_costs_less_than_magnitude() -> None:
    """What remains makes up for what goes; several rounds do it better."""
    least = Regression().error()

    def cost(name: str, sparsity: float, further: str = "") -> float:
        fields = f"params: [first.weight], init_sparsity: {sparsity}, final_sparsity: {sparsity}, start_epoch: 0"
        return Regression().pruned(f"!{name} {{{fields}, end_epoch: 1, update_frequency: 1{further}}}") - least

    second = ", num_grads: 400, damp: 1.0e-5, global_sparsity: true, fisher_block_size: "
    few = cost("GlobalMagnitudePruningModifier", 0.125)
    assert cost("OBSPruningModifier", 0.125, f"{second}12") < 0.5 * few
    assert cost("MFACPruningModifier", 0.125, f"{second}0") < 0.5 * few
    more = cost("GlobalMagnitudePruningModifier", 0.25)
    at_once = cost("OBSPruningModifier", 0.25, f"{second}12")
    in_rounds = cost("OBSPruningModifier", 0.25, f"{second}12, num_recomputations: 6")
    assert in_rounds < 0.5 * more
    assert in_rounds < at_once < more


def test_all_of_m_fac_in_one_block_must_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mfac, "fisher_memory", lambda device: 100)
    with pytest.raises(UserError, match="3 gradients of 80 weights do not fit in memory"):
        SmallRun(RECIPES["mfac in one block"]).steps(range(4))


def test_buffered_gradients_may_be_few() -> None:
    run = SmallRun(MFAC.replace("num_grads: 3", "num_grads: 50") + ", use_gradient_buffering: true}", steps=8)
    run.steps(range(STEPS_PER_EPOCH + 1))
    assert run.manager.sparsity()[0] == pytest.approx(0.2, abs=0.02)


def _broken(kind: str, run: SmallRun) -> Generator[torch.Tensor]:
    while True:
        # The root of zero has an infinite slope, and zero times that is no number.
        yield run.weight.sum() * float("nan") if kind == "loss" else (run.weight * 0.0).sqrt().sum()


@pytest.mark.parametrize("recipe", ["obs", "mfac"])
@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_what_is_no_number_is_one_line(recipe: str, kind: str) -> None:
    run = SmallRun(RECIPES[recipe])
    before = copy.deepcopy(run.model.state_dict())
    run.losses = lambda first, count, text: _broken(kind, run)  # pyright: ignore[reportAttributeAccessIssue]
    run = _with_losses(run)
    with pytest.raises(UserError) as caught:
        run.manager.before_optimizer_step(2)
    assert "\n" not in str(caught.value)
    assert kind in caught.value.message
    assert "learning rate" in caught.value.hint
    assert all(torch.equal(value, before[name]) for name, value in run.model.state_dict().items())


def _with_losses(run: SmallRun) -> SmallRun:
    context = TrainingContext(steps_per_epoch=2, total_steps=12, gradient_losses=lambda title, settings: run.losses)
    run.manager.initialize(run.model, run.optimizer, context)
    return run


def test_without_data_and_without_runs_of_four() -> None:
    manager = SparsificationManager(parse_recipe(RECIPES["obs"]))
    model = SmallRun(RECIPES["obs"]).model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(UserError, match="OBSPruningModifier samples gradients, but there is no training data"):
        manager.initialize(model, optimizer, TrainingContext(steps_per_epoch=2, total_steps=4))
    odd = nn.Sequential()
    odd.add_module("first", nn.Linear(3, 3))
    odd.add_module("second", nn.Linear(3, 3))
    manager = SparsificationManager(parse_recipe(RECIPES["obs in runs"]))
    source: Any = lambda title, settings: None  # noqa: E731
    context = TrainingContext(steps_per_epoch=2, total_steps=4, gradient_losses=source)
    with pytest.raises(UserError, match=r"block4 cannot prune first.weight with the shape \[3, 3\]"):
        manager.initialize(odd, torch.optim.SGD(odd.parameters(), lr=0.1), context)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (RECIPES["obs"].replace("num_grads: 7", "num_grads: 0"), "num_grads"),
        (OBS + ", mask_type: '2:4'}", "mask_type"),
        (OBS + ", mask_type: block4, damp: 0}", "damp"),
        (OBS.replace("fisher_block_size: 8", "fisher_block_size: 6") + ", mask_type: block4}", "multiple of 4"),
        (OBS + ", grad_sampler_kwargs: {batchsize: 4}}", "batch_size, shuffle, drop_last"),
        (OBS + ", grad_sampler_kwargs: {batch_size: 0}}", "batch_size must be at least 1"),
        (MFAC.replace("num_grads: 3", "num_grads: {0.5: 3}") + "}", "for the sparsity 0.0"),
        (MFAC.replace("num_grads: 3", "num_grads: many") + "}", "whole number"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(recipe: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_recipe(recipe)
