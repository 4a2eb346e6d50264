"""Trainings of a small network by a recipe, saved and resumed as the trainer does it."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Sequence
from typing import Any

import torch
from torch import nn

from engine.recipes import parse_recipe
from engine.sparsify.context import Teacher, TrainingContext
from engine.sparsify.manager import SparsificationManager

STEPS_PER_EPOCH = 2

MakeOptimizer = Callable[[nn.Module], torch.optim.Optimizer]


class Net(nn.Module):
    """Two linear layers; names can differ from those of another network."""

    def __init__(self, width: int = 8, names: tuple[str, str] = ("first", "second"), seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.names = names
        setattr(self, names[0], nn.Linear(6, width))
        setattr(self, names[1], nn.Linear(width, 4))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = getattr(self, self.names[0])(x).tanh()
        return {"logits": getattr(self, self.names[1])(hidden)}


def momentum(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=0.05)


def batch(step: int) -> torch.Tensor:
    return torch.randn(5, 6, generator=torch.Generator().manual_seed(step))


class SmallRun:
    """One training; `saved` is what another one's `saved` gave."""

    def __init__(
        self,
        recipe: str,
        *,
        optimizer: MakeOptimizer = momentum,
        teacher: Teacher = "disable",
        saved: Any = None,
        compatible: bool = False,
        steps: int = 12,
        model: nn.Module | None = None,
    ) -> None:
        self.model = model or Net()
        self.manager = SparsificationManager(parse_recipe(recipe), sparseml_compatible=compatible)
        self.manager.prepare(self.model, state=None if saved is None else saved["manager"])
        if saved is not None:
            self.model.load_state_dict(saved["model"], strict=False)  # layers may be dropped, or not yet
        self.optimizer = optimizer(self.model)
        if saved is not None:
            self.optimizer.load_state_dict(saved["optimizer"])
        context = TrainingContext(
            steps_per_epoch=STEPS_PER_EPOCH,
            total_steps=steps,
            teacher=teacher,
            gradient_losses=lambda title, settings: self.losses,
        )
        self.manager.initialize(self.model, self.optimizer, context)
        if saved is not None:
            self.manager.load_state_dict(saved["manager"])

    @property
    def weight(self) -> torch.Tensor:
        return self.model.get_parameter("first.weight")

    def losses(self, first: int, count: int, text: str) -> Generator[torch.Tensor]:
        """Losses of other batches than those of the steps."""
        for place in range(first, first + count):
            yield self.model(x=batch(1000 + place))["logits"].square().mean()

    def backward(self, step: int) -> float:
        inputs = {"x": batch(step)}
        self.model.train().zero_grad()
        outputs = self.model(**inputs)
        parts = self.manager.loss(step, outputs["logits"].square().mean(), outputs, inputs)
        parts.total.backward()
        return parts.total.item()

    def step(self, step: int) -> float:
        loss = self.backward(step)
        self.manager.before_optimizer_step(step)
        self.optimizer.step()
        self.manager.after_optimizer_step(step)
        return loss

    def steps(self, steps: Sequence[int]) -> list[float]:
        return [self.step(step) for step in steps]

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


def assert_resumes(recipe: str, *, steps: int = 12, **settings: Any) -> None:
    """A run that goes on from before any of its steps ends to the last bit like the one that was not interrupted."""
    whole = SmallRun(recipe, steps=steps, **settings)
    losses: list[float] = []
    saved: list[Any] = []
    for step in range(steps):
        saved.append(whole.saved())
        losses.append(whole.step(step))
    end = whole.saved()
    for at in range(steps):
        run = SmallRun(recipe, saved=saved[at], steps=steps, **settings)
        assert run.steps(range(at, steps)) == losses[at:], at
        assert _equal(run.saved(), end), at


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(_equal(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)
