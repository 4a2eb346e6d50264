"""The manager: resuming, releasing, final updates, teachers, reports and refusals."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForQuestionAnswering

from engine.errors import UserError
from engine.recipes import load_recipe, parse_recipe
from engine.recipes.modifiers import SchemeQuantizationModifier
from engine.recipes.registry import MODIFIERS
from engine.sparsify.behaviours import BEHAVIOURS
from engine.sparsify.context import Teacher, TrainingContext
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.quantization.fake_quantizer import fake_quantizers

PRUNED = '"re:bert.encoder.layer.*.(query|key|value|dense).weight"'
RECIPE = f"""
modifiers:
  - !EpochRangeModifier {{start_epoch: 0, end_epoch: 3}}
  - !MagnitudePruningModifier
      params: [{PRUNED}]
      init_sparsity: 0.1
      final_sparsity: 0.8
      start_epoch: 0.5
      end_epoch: 2
      update_frequency: 0.5
  - !DistillationModifier {{hardness: 0.5, temperature: 2.0, distill_output_keys: [start_logits, end_logits]}}
  - !LearningRateFunctionModifier
      lr_func: linear
      init_lr: 0.01
      final_lr: 0.001
      start_epoch: 0
      end_epoch: 3
  - !TrainableParamsModifier {{params: [qa_outputs.bias], trainable: false, start_epoch: 1, end_epoch: 2.5}}
  - !QuantizationModifier
      start_epoch: 1.5
      disable_quantization_observer_epoch: 2.5
      submodules: [bert.embeddings, bert.encoder, qa_outputs]
      quantize_linear_activations: 0
      exclude_module_types: [LayerNorm]
"""
STEPS, EPOCH = 12, 4


def _model() -> BertForQuestionAnswering:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return BertForQuestionAnswering(config)


class Run:
    def __init__(
        self, recipe: str, *, teacher: Teacher = "self", saved: Any = None, compatible: bool = False, steps: int = STEPS
    ) -> None:
        self.model = _model()
        self.manager = SparsificationManager(load_recipe(recipe), sparseml_compatible=compatible)
        self.manager.prepare(self.model, state=None if saved is None else saved["manager"])
        if saved is not None:
            self.model.load_state_dict(saved["model"])
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.01)
        if saved is not None:
            self.optimizer.load_state_dict(saved["optimizer"])
        context = TrainingContext(steps_per_epoch=EPOCH, total_steps=steps, teacher=teacher)
        self.manager.initialize(self.model, self.optimizer, context)
        if saved is not None:
            self.manager.load_state_dict(saved["manager"])

    def step(self, step: int) -> float:
        generator = torch.Generator().manual_seed(step)
        inputs = {
            "input_ids": torch.randint(1, 50, (2, 10), generator=generator),
            "start_positions": torch.tensor([1, 2]),
            "end_positions": torch.tensor([3, 4]),
        }
        self.model.train()
        self.optimizer.zero_grad()
        outputs = self.model(**inputs)
        parts = self.manager.loss(step, outputs.loss, outputs, inputs)
        parts.total.backward()
        self.manager.before_optimizer_step(step)
        self.optimizer.step()
        self.manager.after_optimizer_step(step)
        return parts.total.item()

    def saved(self) -> Any:
        """A checkpoint as it comes back from a file."""
        file = io.BytesIO()
        parts = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "manager": self.manager.state_dict(),
        }
        torch.save(parts, file)
        file.seek(0)
        return torch.load(file, weights_only=True)


@pytest.fixture(scope="module")
def uninterrupted() -> tuple[list[float], dict[str, torch.Tensor], dict[int, Any]]:
    run = Run(RECIPE)
    losses: list[float] = []
    saved: dict[int, Any] = {}
    for step in range(STEPS):
        saved[step] = run.saved()
        losses.append(run.step(step))
    return losses, run.model.state_dict(), saved


@pytest.mark.parametrize("at", [1, 3, 5, 6, 7, 10, 11])
def test_resumed_run_goes_on_as_if_it_had_not_stopped(uninterrupted: Any, at: int) -> None:
    losses, final, saved = uninterrupted
    run = Run(RECIPE, saved=saved[at])
    assert [run.step(step) for step in range(at, STEPS)] == losses[at:]
    state = run.model.state_dict()
    assert set(state) == set(final)
    assert all(torch.equal(state[name], tensor) for name, tensor in final.items())


def test_checkpoint_of_another_recipe_is_refused(uninterrupted: Any) -> None:
    _, _, saved = uninterrupted
    run = Run("modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: 1}\n")
    with pytest.raises(UserError, match="another recipe"):
        run.manager.load_state_dict(saved[3]["manager"])


PRUNING = f"""
modifiers:
  - !MagnitudePruningModifier
      params: [{PRUNED}]
      init_sparsity: 0.2
      final_sparsity: 0.8
      start_epoch: 0
      end_epoch: 2
      update_frequency: 1
"""


@pytest.mark.parametrize(("compatible", "final"), [(False, 0.8), (True, 0.725)])
def test_final_sparsity_is_reached_although_the_run_ends_at_the_end_epoch(compatible: bool, final: float) -> None:
    run = Run(PRUNING, compatible=compatible, steps=8)
    for step in range(8):
        run.step(step)
    run.manager.finalize()
    weights = [p for name, p in run.model.named_parameters() if "layer.0" in name and p.dim() == 2]
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    assert zeros / sum(weight.numel() for weight in weights) == pytest.approx(final, abs=2e-3)
    assert run.manager.sparsity()[1] == pytest.approx(final)


def test_zeros_that_a_low_target_sets_free_are_told() -> None:
    run = Run(PRUNING)
    with torch.no_grad():
        run.model.bert.encoder.layer[0].intermediate.dense.weight[:16] = 0.0
    run.step(0)
    told = [change.text for change in run.manager.drain() if change.action == "update"]
    assert told == ["MagnitudePruningModifier: sparsity 0.2; 154 weights that were zero may grow again"]
    run.step(1)
    assert int((run.model.bert.encoder.layer[0].intermediate.dense.weight == 0).sum()) == 102


def test_gradients_are_masked_before_they_are_clipped() -> None:
    run = Run(PRUNING)
    run.step(0)
    labels = {"start_positions": torch.tensor([1]), "end_positions": torch.tensor([2])}
    outputs = run.model(torch.ones(1, 5, dtype=torch.long), **labels)
    run.optimizer.zero_grad()
    outputs.loss.backward()
    weight = run.model.bert.encoder.layer[0].intermediate.dense.weight
    assert weight.grad is not None
    assert int((weight == 0).sum()) > 0
    assert torch.all(weight.grad[weight == 0] == 0)
    assert torch.any(weight.grad[weight != 0] != 0)


def test_reports_say_what_is_pruned_aimed_at_and_quantized() -> None:
    run = Run(RECIPE)
    assert run.manager.sparsity() == (0.0, None)
    for step in range(STEPS):
        run.step(step)
    real, target = run.manager.sparsity()
    assert target == 0.8
    assert real == pytest.approx(0.8, abs=2e-3)
    layers = {layer.name: layer for layer in run.manager.layers()}
    query = layers["bert.encoder.layer.0.attention.self.query.weight"]
    assert (query.shape, query.target, query.quantised) == ((16, 16), 0.8, True)
    assert query.sparsity == pytest.approx(205 / 256)
    words = layers["bert.embeddings.word_embeddings.weight"]
    assert (words.target, words.quantised) == (None, True)
    run.manager.finalize()
    changes = run.manager.drain()
    phases = [(change.phase, change.action, change.step) for change in changes if change.action != "update"]
    assert phases == [
        ("distil", "enter", 0),
        ("prune", "enter", 2),
        ("qat", "enter", 6),
        ("prune", "leave", 8),
        ("distil", "leave", 12),
        ("qat", "leave", 12),
    ]
    assert [change.step for change in changes if (change.phase, change.action) == ("prune", "update")] == [2, 4, 6, 8]
    assert run.manager.drain() == []


def test_own_teacher_is_a_copy_of_the_student_as_it_was() -> None:
    run = Run(RECIPE)
    outputs = run.model(torch.ones(1, 5, dtype=torch.long))
    task = outputs.start_logits.sum()
    parts = run.manager.loss(0, task, outputs, {"input_ids": torch.ones(1, 5, dtype=torch.long)})
    assert parts.distillation is not None
    assert parts.distillation.item() == pytest.approx(0.0, abs=1e-6)
    with torch.no_grad():
        run.model.qa_outputs.weight.add_(torch.arange(32.0).reshape(2, 16))
        moved = run.model(torch.ones(1, 5, dtype=torch.long))
    parts = run.manager.loss(1, task, moved, {"input_ids": torch.ones(1, 5, dtype=torch.long)})
    assert parts.distillation is not None
    assert parts.distillation.item() > 0.01


def test_disabled_teacher_leaves_the_task_loss_and_a_missing_one_is_refused() -> None:
    run = Run(RECIPE, teacher="disable")
    task = torch.tensor(1.5)
    assert run.manager.loss(0, task, None, {}).total is task
    with pytest.raises(UserError, match="no teacher"):
        Run(RECIPE, teacher=None)


def test_frozen_observers_and_evaluation_keep_scales() -> None:
    run = Run(RECIPE)
    for step in range(8):
        run.step(step)

    def scales() -> list[float]:
        return [float(quantizer.scale) for _, quantizer in fake_quantizers(run.model)]

    before = scales()
    run.model.eval()(torch.full((1, 9), 7))
    assert scales() == before
    run.step(8)
    assert scales() != before
    run.step(9)
    run.step(10)
    frozen = scales()
    run.step(11)
    assert scales() == frozen


def test_every_modifier_has_a_behaviour_and_nothing_else_has() -> None:
    assert set(BEHAVIOURS) == {*MODIFIERS.values(), SchemeQuantizationModifier}


@pytest.mark.parametrize(
    ("modifier", "named"),
    [
        (
            "MagnitudePruningModifier {params: [z], init_sparsity: 0, final_sparsity: 0.5, start_epoch: 1,"
            " end_epoch: 2, update_frequency: 1}",
            "z matches no parameter",
        ),
        ("LayerPruningModifier {layers: [z], start_epoch: 1}", "no layer z"),
        ("TrainableParamsModifier {params: [z], trainable: false}", "z matches no parameter"),
        ("SetParamModifier {params: [z], val: 1, start_epoch: 1}", "z matches no parameter"),
        ("QuantizationModifier {submodules: [z], start_epoch: 1}", "no submodule z"),
        (
            "PerLayerDistillationModifier {student_layer_names: ['0'], teacher_layer_names: [z]}",
            "teacher has no layer z",
        ),
    ],
)
def test_names_that_nothing_has_are_refused_before_a_run(modifier: str, named: str) -> None:
    manager = SparsificationManager(parse_recipe(f"modifiers:\n  - !{modifier}\n"))
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    with pytest.raises(UserError, match=named):
        manager.check(model, model)


def test_two_modifiers_of_one_parameter_count_it_once() -> None:
    text = "modifiers:\n" + "".join(
        f"  - !MagnitudePruningModifier {{params: ['{name}'], init_sparsity: {share}, final_sparsity: {share},"
        f" start_epoch: {start}, end_epoch: 3, update_frequency: 1}}\n"
        for name, share, start in (("0.weight", 0.25, 0), ("re:.*weight", 0.5, 1))
    )
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    manager = SparsificationManager(parse_recipe(text))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    manager.initialize(model, optimizer, TrainingContext(steps_per_epoch=1, total_steps=3))
    manager.before_optimizer_step(0)
    assert manager.sparsity() == (0.125, 0.125)
    manager.before_optimizer_step(1)
    assert manager.sparsity() == (0.5, 0.5)


def test_what_is_let_go_is_no_longer_aimed_at() -> None:
    text = (
        "modifiers:\n  - !MagnitudePruningModifier {params: [weight], init_sparsity: 0.5, final_sparsity: 0.5,"
        " start_epoch: 0, end_epoch: 2, update_frequency: 1, leave_enabled: false}\n"
    )
    model = torch.nn.Linear(4, 4)
    manager = SparsificationManager(parse_recipe(text))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    manager.initialize(model, optimizer, TrainingContext(steps_per_epoch=1, total_steps=3))
    for step in range(3):
        manager.before_optimizer_step(step)
    assert manager.sparsity()[1] == 0.0


def test_without_a_recipe_nothing_happens() -> None:
    manager = SparsificationManager(None)
    model = _model()
    manager.prepare(model)
    manager.initialize(
        model, torch.optim.SGD(model.parameters(), lr=0.1), TrainingContext(steps_per_epoch=2, total_steps=2)
    )
    task = torch.tensor(2.0)
    assert manager.loss(0, task, None, {}).total is task
    manager.before_optimizer_step(0)
    manager.after_optimizer_step(0)
    manager.finalize()
    assert manager.sparsity() == (None, None)
    assert (manager.distils, manager.quantizes, manager.controls_learning_rate) == (False, False, False)
    assert not manager.quantization_active(math.inf)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (PRUNED, "no.such.weight", "no.such.weight"),
        (PRUNED, '"re:("', "regular expression"),
        ("update_frequency: 1", "update_frequency: 1\n      mask_type: [3, 1]", "does not divide"),
    ],
)
def test_recipe_that_does_not_fit_the_model_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Run(PRUNING.replace(old, new)).step(0)


def test_unknown_submodule_is_refused() -> None:
    with pytest.raises(UserError, match=r"no submodule bert\.decoder"):
        SparsificationManager(load_recipe(RECIPE.replace("bert.encoder, qa", "bert.decoder, qa"))).prepare(
            _model(), 2.0
        )
