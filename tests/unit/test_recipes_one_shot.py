"""Pruning in one step in a recipe: fields, what llm-compressor calls it, its place in the timeline."""

from __future__ import annotations

import pytest

from engine.recipes import RecipeError, parse_recipe
from engine.recipes.advice import warnings
from engine.recipes.compose import compose
from engine.recipes.modifiers import OneShotPruningModifier
from engine.recipes.phases import phases
from engine.recipes.timeline import timeline
from engine.recipes.training_data import samples_training_data

STAGE = "sparsity_stage:\n  run_type: oneshot\n  sparsity_modifiers:\n"


def only(text: str) -> OneShotPruningModifier:
    recipe = parse_recipe(text)
    (modifier,) = recipe.modifiers
    assert isinstance(modifier, OneShotPruningModifier)
    assert parse_recipe(recipe.to_yaml()).modifiers == recipe.modifiers
    return modifier


def written(fields: str) -> str:
    return f"modifiers:\n  - !OneShotPruningModifier {{{fields}}}\n"


def problems(text: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, name="r")
    return [str(problem) for problem in caught.value.problems]


def test_defaults() -> None:
    modifier = only(written("sparsity: 0.5"))
    assert (modifier.method, modifier.params, modifier.mask_type) == ("sparsegpt", "__ENCODER__", "unstructured")
    assert (modifier.num_samples, modifier.block_size, modifier.dampening) == (512, 128, 0.01)
    assert only(written("sparsity: 0.5, params: __encoder__")) == modifier


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("method: sparsegpt", "needs sparsity"),
        ("sparsity: 1", "sparsity of OneShotPruningModifier must be above 0 and below 1"),
        ("sparsity: 0.5, method: obs", "must be one of sparsegpt, wanda, magnitude"),
        ("sparsity: 0.5, mask_type: [1, 4]", "must be unstructured, block4, tensorrt or N:M such as 2:4"),
        ("sparsity: 0.6, mask_type: tensorrt", "must be 0.5 with masks tensorrt, not 0.6"),
        ("sparsity: 0.6, mask_type: '1:4'", "must be 0.75 with masks 1:4, not 0.6"),
        ("sparsity: 0.5, params: __ALL__", "must be a list of names or __ENCODER__"),
        ("sparsity: 0.5, params: []", "must name at least one parameter"),
        ("sparsity: 0.5, dampening: 0", "must be above 0"),
        ("sparsity: 0.5, samples: 3", "did you mean 'num_samples'?"),
    ],
)
def test_fields_that_do_not_fit(fields: str, said: str) -> None:
    (problem,) = problems(written(fields))
    assert said in problem


def test_modifiers_of_llm_compressor() -> None:
    fields = "sparsity: 0.5, mask_structure: '2:4', targets: [Linear], ignore: ['re:.*head'], dampening_frac: 0.1"
    further = "block_size: 64, sequential_update: true, offload_hessians: true, owl_m: 5"
    modifier = only(f"{STAGE}    SparseGPTModifier: {{{fields}, {further}}}\n")
    assert (modifier.method, modifier.sparsity, modifier.mask_type) == ("sparsegpt", 0.5, "2:4")
    assert (modifier.params, modifier.ignore) == ("__ENCODER__", (r"re:(?=.*\.weight$).*head",))
    assert (modifier.block_size, modifier.dampening) == (64, 0.1)
    text = (
        "modifiers:\n  WandaPruningModifier: {sparsity: 0.6, targets: ['re:.*query$', 'a.b'], mask_structure: '0:0'}\n"
    )
    modifier = only(text)
    assert (modifier.method, modifier.sparsity, modifier.mask_type) == ("wanda", 0.6, "unstructured")
    assert modifier.params == (r"re:(?:.*query)\.weight$", "a.b.weight")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("sparsity: [0.5, 0.6]", "sparsity of SparseGPTModifier must be a number"),
        ("sparsity: 0.5, sparsity_profile: owl", "sparsity_profile of SparseGPTModifier can only be null"),
        ("sparsity: 0.5, mask_structure: 'block_4,1'", "mask_structure of SparseGPTModifier has no counterpart"),
        ("sparsity: 0.5, preserve_sparsity_mask: true", "can only be false"),
        ("sparsity: 0.5, sequential_targets: [Layer]", "can only be null"),
        ("sparsity: 0.5, sequential_update: false", "can only be true"),
        ("sparsity: 0.5, targets: [LlamaDecoderLayer]", "which is a class of modules"),
    ],
)
def test_what_llm_compressor_does_otherwise_is_named(fields: str, said: str) -> None:
    (problem,) = problems(f"modifiers:\n  SparseGPTModifier: {{{fields}}}\n")
    assert said in problem


def test_stages_that_run_once_hold_nothing_that_trains() -> None:
    two = "    - SparseGPTModifier: {sparsity: 0.5}\n    - OneShotPruningModifier: {sparsity: 0.5}\n"
    assert len(parse_recipe(STAGE + two).modifiers) == 2
    both = "    SparseGPTModifier: {sparsity: 0.5}\n    ConstantPruningModifier: {targets: [a]}\n"
    assert "runs once, without training" in problems(STAGE + both)[0]
    assert "use OneShotPruningModifier with method: wanda" in problems("modifiers:\n  - !WandaPruningModifier {}\n")[0]


def test_sparsity_jumps_at_its_start() -> None:
    length = "  - !EpochRangeModifier {start_epoch: 0, end_epoch: 4}\n"
    recipe = parse_recipe(written("sparsity: 0.5, start_epoch: 1") + length)
    course = timeline(recipe, 10, 40)
    assert [course.sparsity.at(epoch) for epoch in (0.9, 1.0, 3.9)] == [None, 0.5, 0.5]
    assert [(phase.name, phase.end_epoch) for phase in phases(recipe, 4)] == [("dense", 1.0)]
    assert samples_training_data(recipe)
    assert not samples_training_data(parse_recipe(written("sparsity: 0.5, method: magnitude")))
    released = parse_recipe(written("sparsity: 0.5, start_epoch: 1, end_epoch: 2") + length)
    assert timeline(released, 10, 40).sparsity.at(2.0) == 0.0
    assert any("lets go at epoch 2" in str(problem) for problem in warnings(released))
    assert any(
        item.end_epoch == 4.0 for item in compose(recipe, recipe).modifiers if item.name == recipe.modifiers[0].name
    )
