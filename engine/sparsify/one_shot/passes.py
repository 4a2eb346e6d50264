"""Calibration batches on their way through a model, one stage after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from engine.sparsify.one_shot.inputs import InputSums
from engine.sparsify.one_shot.stages import Stage, in_order

Inputs = Mapping[str, torch.Tensor]
Batches = Callable[[str], Generator[Inputs]]
"""The same batches of model inputs again and again; the text says what for."""
Sums = dict[str, InputSums]


class _EnoughError(Exception):
    """The rest of a forward pass is not needed."""


class CalibrationPasses:
    """Runs `batches` through `model`, as far as each of `stages`, with what was pruned before.

    What an encoder layer puts out is kept for the next one, so that every layer runs twice for a batch: before it is
    pruned and after. Memory: the hidden states of all batches at one layer, and the sums of one stage. `title` is for
    errors.
    """

    def __init__(self, model: nn.Module, batches: Batches, stages: Sequence[Stage], title: str) -> None:
        self.model = model
        self.batches = batches
        self.stages = stages
        self.title = title
        self._recorded: dict[int, Any] = {}
        self._by: Stage | None = None
        """The stage whose outputs are recorded."""

    def each(self, make: Callable[[nn.Linear], InputSums]) -> Iterator[tuple[Stage, Sums]]:
        """Every stage with the sums of its layers' inputs, by the names of their weights; prune it before you take the
        next."""
        calls = self._calls()
        ordered = in_order(self.stages, calls, self.title)
        for number, stage in enumerate(ordered, 1):
            sums = {name: make(layer) for name, layer in stage.layers.items()}
            before = ordered[number - 2] if number > 1 else None
            text = f"{self.title}: calibrating {stage.name}, {number} of {len(ordered)}"
            self._pass(stage, before, sums, calls, text)
            yield stage, sums

    def _pass(self, stage: Stage, before: Stage | None, sums: Sums, calls: Sequence[str], text: str) -> None:
        """Run all batches as far as `stage`; what `before` puts out now that it is pruned is recorded."""
        after = before if before is not None and _follow(before, stage, calls) else None
        if self._by is not None and not _follow(self._by, stage, calls):
            self._recorded, self._by = {}, None
        outputs: dict[int, Any] = {}
        with contextlib.closing(self.batches(text)) as batches:
            for number, inputs in enumerate(batches):
                with contextlib.ExitStack() as hooks:
                    if self._by is not None:
                        _skip(hooks, self._by, self._recorded.pop(number))
                    if after is not None:
                        _record(hooks, after.module, outputs, number)
                    _watch(hooks, stage, sums, inputs.get("attention_mask"))
                    if calls.count(stage.name) == 1:
                        _stop_after(hooks, stage.module)
                    self._run(inputs)
        self._recorded, self._by = outputs, after

    def _run(self, inputs: Inputs) -> None:
        with contextlib.suppress(_EnoughError):
            # The class's method: around the instance's, accelerate may have put half precision.
            type(self.model).forward(self.model, **inputs)

    def _calls(self) -> list[str]:
        """The names of encoder layers and stages in the order in which the first batch calls them."""
        calls: list[str] = []
        watched = {stage.name: stage.module for stage in self.stages}
        with (
            contextlib.ExitStack() as hooks,
            contextlib.closing(self.batches(f"{self.title}: looking for layers")) as batches,
        ):
            for name, module in watched.items():
                _enter(hooks, module.register_forward_pre_hook(lambda *_, name=name: calls.append(name)))
            self._run(next(batches))
        return calls


def _follow(first: Stage, second: Stage, calls: Sequence[str]) -> bool:
    """Whether all that `second` sees of `first` is what its stack of layers hands on."""
    if first.encoder is None or second.encoder is None or first.encoder.stack is not second.encoder.stack:
        return False
    once = calls.count(first.name) == calls.count(second.name) == 1
    return once and first.encoder.place < second.encoder.place


def _skip(hooks: contextlib.ExitStack, stage: Stage, outputs: Any) -> None:
    """Let the layers as far as `stage` do nothing: the last one puts out `outputs`, and nobody heeds the others."""
    assert stage.encoder is not None
    for layer in list(stage.encoder.stack)[: stage.encoder.place + 1]:
        hooks.enter_context(_in_place_of_forward(layer, outputs))


@contextlib.contextmanager
def _in_place_of_forward(layer: nn.Module, outputs: Any) -> Generator[None]:
    own = layer.__dict__.get("forward")
    layer.forward = lambda *_, **__: outputs
    try:
        yield
    finally:
        del layer.forward
        if own is not None:
            layer.forward = own


def _record(hooks: contextlib.ExitStack, module: nn.Module, outputs: dict[int, Any], number: int) -> None:
    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        outputs[number] = output

    _enter(hooks, module.register_forward_hook(keep))


def _watch(hooks: contextlib.ExitStack, stage: Stage, sums: Sums, counts: torch.Tensor | None) -> None:
    for name, layer in stage.layers.items():

        def add(module: nn.Module, inputs: tuple[torch.Tensor, ...], into: InputSums = sums[name]) -> None:
            into.add(inputs[0], counts)

        _enter(hooks, layer.register_forward_pre_hook(add))


def _stop_after(hooks: contextlib.ExitStack, module: nn.Module) -> None:
    def stop(*_: Any) -> None:
        raise _EnoughError

    _enter(hooks, module.register_forward_hook(stop))


def _enter(hooks: contextlib.ExitStack, handle: Any) -> None:
    hooks.callback(handle.remove)
