"""Layer-wise distillation: the loss by hand, where gradients go, hooks and projections that come and go."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import UserError
from engine.sparsify.behaviours.layer_distillation import LayerDistillation
from engine.sparsify.context import Teacher
from tests.small_runs import MakeOptimizer, Net, SmallRun, adam, assert_resumes, batch, momentum

RECIPE = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 6}
  - !PerLayerDistillationModifier
      start_epoch: 1
      end_epoch: 4
      gain: 2.0
"""
EQUAL = RECIPE + "      project_features: false\n"
PROJECTED = RECIPE + "      student_layer_names: [first]\n      teacher_layer_names: [inner]\n"


def _other(width: int = 8) -> Net:
    return Net(width, names=("inner", "outer"), seed=7)


def _behaviour(run: SmallRun) -> LayerDistillation:
    (found,) = [item for item in run.manager.behaviours if isinstance(item, LayerDistillation)]
    return found


def _hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def _loss(run: SmallRun, step: int) -> Any:
    outputs = run.model(batch(step))
    return run.manager.loss(step, outputs["logits"].square().mean(), outputs, {"x": batch(step)})


@pytest.mark.parametrize("normalize", [True, False])
def test_loss_is_the_distance_of_paired_layers(normalize: bool) -> None:
    teacher = _other()
    run = SmallRun(EQUAL + f"      normalize: {normalize}\n      epsilon: 0.5\n", teacher=teacher)
    x, student = batch(2), run.model
    parts = _loss(run, 2)
    wanted = torch.tensor(0.0)
    taken, given = x, x
    for mine, theirs in ((student.first, teacher.inner), (student.second, teacher.outer)):
        taken, given = mine(taken), theirs(given)
        distance = ((taken - given) ** 2).mean()
        wanted = wanted + (distance / ((given**2).mean() + 0.5) if normalize else distance)
        taken, given = taken.tanh(), given.tanh()
    assert parts.distillation is not None
    assert parts.distillation.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert parts.total.item() == pytest.approx(parts.task.item() + 2 * wanted.item(), rel=1e-6)
    parts.total.backward()
    assert all(parameter.grad is not None for parameter in student.parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_it_teaches_from_its_start_to_the_step_of_its_end() -> None:
    run = SmallRun(EQUAL, teacher=_other())
    taught = []
    for step in range(12):
        taught.append(_loss(run, step).distillation is not None)
        run.step(step)
    assert taught == [False] * 2 + [True] * 7 + [False] * 3
    phases = [(change.action, change.step) for change in run.manager.drain()]
    assert phases == [("enter", 2), ("leave", 8)]
    assert run.manager.distils


def test_hooks_are_gone_at_the_end_and_the_teacher_has_none_between_steps() -> None:
    teacher = _other()
    run = SmallRun(EQUAL, teacher=teacher)
    run.steps(range(8))
    assert (_hooks(run.model), _hooks(teacher)) == (2, 0)
    run.step(8)
    assert (_hooks(run.model), _hooks(teacher)) == (0, 0)
    run = SmallRun(EQUAL, teacher=teacher)
    run.steps(range(3))
    run.manager.finalize()
    assert _hooks(run.model) == 0


def test_evaluation_and_steps_without_teaching_hold_no_outputs() -> None:
    run = SmallRun(EQUAL, teacher=_other())
    run.step(0)
    with torch.no_grad():
        run.model(batch(0))
    assert _behaviour(run).listener.take() == {}


def test_other_width_is_projected_and_projections_learn_with_the_student() -> None:
    run = SmallRun(PROJECTED, teacher=_other(5))
    run.steps(range(2))
    assert _behaviour(run).projections.layers == []
    run.backward(2)
    (weight,) = _behaviour(run).projections.weights
    assert weight.shape == (5, 8)
    assert weight.grad is not None
    assert [len(group["params"]) for group in run.optimizer.param_groups] == [4, 1]
    before, gradient = weight.detach().clone(), weight.grad.clone()
    run.manager.before_optimizer_step(2)
    run.optimizer.step()
    run.manager.after_optimizer_step(2)
    torch.testing.assert_close(weight.detach(), before - 0.1 * gradient)
    assert weight.grad is None
    assert [len(group["params"]) for group in run.optimizer.param_groups] == [4]
    assert len(run.optimizer.state_dict()["state"]) == 4
    before = weight.detach().clone()
    run.step(3)
    assert not torch.equal(weight, before)


def test_projections_follow_the_learning_rate_and_leave_its_scheduler_alone() -> None:
    run = SmallRun(PROJECTED, teacher=_other(5))
    schedule = torch.optim.lr_scheduler.LambdaLR(run.optimizer, lambda step: 1 / (step + 1))
    rates = []
    for step in range(4):
        run.backward(step)
        run.manager.before_optimizer_step(step)
        rates.append([group["lr"] for group in run.optimizer.param_groups])
        run.optimizer.step()
        run.manager.after_optimizer_step(step)
        schedule.step()
    assert rates == [[0.1], [0.05], [0.1 / 3, 0.1 / 3], [0.025, 0.025]]


def test_own_copy_teaches_from_the_start_and_its_hooks_are_not_heard() -> None:
    run = SmallRun(EQUAL, teacher="self")
    run.steps(range(2))
    parts = _loss(run, 2)
    assert parts.distillation is not None
    assert parts.distillation.item() == 0.0  # the copy was taken now, not before the first step
    run.steps(range(2, 5))
    parts = _loss(run, 5)
    assert parts.distillation is not None
    assert parts.distillation.item() > 0
    parts.total.backward()
    assert run.weight.grad is not None
    compatible = SmallRun(EQUAL, teacher="self", compatible=True)
    compatible.steps(range(2))
    parts = _loss(compatible, 2)
    assert parts.distillation is not None
    assert parts.distillation.item() > 0


def test_layers_of_a_tuple_and_together_with_logits() -> None:
    class Pair(nn.Linear):
        def forward(self, input: torch.Tensor) -> Any:  # noqa: A002 - the name in nn.Linear
            return super().forward(input), None

    class Wrapped(Net):
        def __init__(self) -> None:
            super().__init__()
            self.pair = Pair(4, 4)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"logits": self.pair(super().forward(x)["logits"])[0]}

    recipe = EQUAL + "      normalize: false\n      student_layer_names: [pair]\n"
    run = SmallRun(recipe + "  - !DistillationModifier {hardness: 0.5}\n", teacher=Wrapped(), model=Wrapped())
    with torch.no_grad():
        run.model.get_parameter("pair.bias").add_(1.0)
    parts = _loss(run, 2)
    assert parts.distillation is not None
    assert parts.distillation.item() == pytest.approx(0.0, abs=1e-6)  # the divergence, which came last
    assert parts.total.item() == pytest.approx(0.5 * (parts.task.item() + 2 * 1.0), rel=1e-5)


def test_disabled_teacher_leaves_loss_and_model_alone() -> None:
    run = SmallRun(RECIPE, teacher="disable")
    assert _hooks(run.model) == 0
    parts = _loss(run, 2)
    assert parts.total is parts.task


class Shorter(Net):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return super().forward(x[:3])


class Idle(Net):
    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Linear(2, 2)


NAMED = "      student_layer_names: [first, second]\n"


@pytest.mark.parametrize(
    ("recipe", "teacher", "said"),
    [
        (EQUAL, None, "there is no teacher"),
        (EQUAL + NAMED, _other(), "the teacher has no layer first"),
        (EQUAL + NAMED.replace("second", "third"), Net(), "the student has no layer third"),
        (EQUAL, Idle(), "the student has 2 layers to distil, the teacher 3"),
        (EQUAL, nn.Tanh(), "the teacher has no layer to distil"),
        (EQUAL + NAMED, Net(5), r"differ in shape: \[5, 8\] and \[5, 5\]"),
        (RECIPE + NAMED, Shorter(), r"differ in shape: \[5, 8\] and \[3, 8\]"),
        (
            EQUAL + "      student_layer_names: [first]\n      teacher_layer_names: [idle]\n",
            Idle(),
            "idle of the teacher",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(recipe: str, teacher: Teacher, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        SmallRun(recipe, teacher=teacher).steps(range(3))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("optimizer", [momentum, adam])
@pytest.mark.parametrize("teacher", [_other(5), "self"], ids=["model", "self"])
def test_resumes_to_the_bit(optimizer: MakeOptimizer, teacher: Teacher) -> None:
    recipe = RECIPE if teacher == "self" else PROJECTED
    assert_resumes(recipe, optimizer=optimizer, teacher=teacher)


class Deep(Net):
    def __init__(self) -> None:
        super().__init__()
        self.middle = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.middle(super().forward(x)["logits"])}


@pytest.mark.parametrize("dropping", ["start_epoch: 2", "start_epoch: 0, end_epoch: 3"])
def test_own_copy_keeps_its_layers_although_the_student_loses_or_regains_them(dropping: str) -> None:
    recipe = EQUAL + f"      student_layer_names: [first]\n  - !LayerPruningModifier {{layers: [middle], {dropping}}}\n"
    whole = SmallRun(recipe, teacher="self", model=Deep())
    whole.steps(range(7))
    resumed = SmallRun(recipe, teacher="self", model=Deep(), saved=whole.saved())
    one, other = (_behaviour(run).teacher() for run in (whole, resumed))
    assert isinstance(one.get_submodule("middle"), nn.Linear) is dropping.endswith("2")
    assert torch.equal(one(batch(1))["logits"], other(batch(1))["logits"])
    assert whole.steps(range(7, 12)) == resumed.steps(range(7, 12))
