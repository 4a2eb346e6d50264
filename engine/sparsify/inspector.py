"""What a recipe does to a model: selected parameters, zeros, quantized modules, and what is wrong."""

from __future__ import annotations

import math

from torch import nn

from engine.errors import UserError
from engine.recipes.clock import NOMINAL_STEPS
from engine.recipes.inspection import Finding, Inspection, Quantized
from engine.recipes.modifiers import AnyQuantizationModifier
from engine.recipes.recipe import Recipe
from engine.recipes.timeline import timeline
from engine.sparsify.behaviours.quantization import Quantization
from engine.sparsify.expectation import Expectation
from engine.sparsify.masking import count_zeros
from engine.sparsify.parameters import prunable_parameters
from engine.sparsify.quantization.fake_quantizer import fake_quantizers
from engine.sparsify.selections import Selector
from engine.sparsify.skeleton import Skeleton, read_skeleton

TENSORS = {"input0": "first factor", "input1": "second factor"}
"""What the quantizers of a product are for; those of a layer say it themselves."""


def inspect(
    path: str, recipe: Recipe | None, *, steps_per_epoch: int | None = None, epochs: float | None = None
) -> Inspection:
    """What `recipe` (None: nothing) does to the model of a folder or hub id.

    `epochs` is the length of the run where the recipe has none, or where it is to be another. Raises `UserError` for
    what is no question-answering model.
    """
    skeleton = read_skeleton(path)
    wanted = recipe or Recipe(text="", source="", stages=())
    length = float(max(wanted.max_epochs, 1)) if epochs is None else epochs
    steps = steps_per_epoch or NOMINAL_STEPS
    selector = Selector(wanted, skeleton.model, skeleton.zeros, timeline(wanted, steps, math.ceil(length * steps)))
    return _inspected(path, skeleton, selector, length)


def _inspected(path: str, skeleton: Skeleton, selector: Selector, length: float) -> Inspection:
    model, before = skeleton.model, _sizes(skeleton.model)
    dropped = list(selector.drop_layers(at_start=True))
    selections = selector.selections()
    dropped += selector.drop_layers(at_start=False)
    left = _sizes(model)
    quantized = _quantized(model, selector)
    prunable = [name for name, _ in prunable_parameters(model)]
    expected = Expectation(selector.recipe, selections, left, skeleton.zeros, prunable, length)
    return Inspection(
        model=path,
        architecture=type(model).__name__,
        model_recipe=skeleton.recipe is not None,
        has_weights=skeleton.zeros is not None,
        pruned=expected.over_pruned(),
        prunable=expected.over_prunable(),
        overall=expected.over_all(),
        dropped=sum(before.values()) - sum(left.values()),
        selections=tuple(sorted([*selections, *dropped], key=lambda selection: selection.index)),
        quantized=quantized,
        findings=(*selector.findings, *(expected.findings() if selector.recipe.stages else ())),
    )


def concerns(model: nn.Module, recipe: Recipe, *, steps_per_epoch: int, total_steps: int) -> list[Finding]:
    """What `inspect` would warn of, for a model in memory as it is when training begins; the model is left alone."""
    named = list(model.named_parameters())
    zeros = dict(zip((name for name, _ in named), count_zeros([parameter for _, parameter in named]), strict=True))
    selector = Selector(recipe, model, zeros, timeline(recipe, steps_per_epoch, total_steps))
    prunable = [name for name, _ in prunable_parameters(model)]
    length = total_steps / steps_per_epoch
    expected = Expectation(recipe, selector.selections(), _sizes(model), zeros, prunable, length)
    return [item for item in (*selector.findings, *expected.findings()) if item.level == "warning"]


def _sizes(model: nn.Module) -> dict[str, int]:
    return {name: parameter.numel() for name, parameter in model.named_parameters()}


def _quantized(model: nn.Module, selector: Selector) -> tuple[Quantized, ...]:
    """The modules with fake quantizers when all quantization modifiers have acted."""
    for index, modifier in enumerate(selector.recipe.modifiers):
        if isinstance(modifier, AnyQuantizationModifier):
            behaviour = Quantization(modifier)
            try:
                behaviour.check(model, None)
                if selector.starts(modifier):
                    behaviour.convert(model)
            except UserError as error:
                absent = selector.absent(getattr(modifier, "submodules", None))
                selector.say(index, "error", error.message, error.hint, member=absent)
    tensors: dict[str, list[str]] = {}
    for name, _ in fake_quantizers(model):
        owner, _, own = name.rpartition(".")
        which = own.removesuffix("_fake_quant")
        tensors.setdefault(owner, []).append(TENSORS.get(which, which))
    kinds = {name: type(module).__name__.removeprefix("Quantized") for name, module in model.named_modules()}
    return tuple(Quantized(name=name, kind=kinds[name], tensors=tuple(own)) for name, own in tensors.items())
