"""Recipes in llm-compressor's form: what they mean here, and what has no counterpart."""

from __future__ import annotations

import pytest

from engine.recipes import Recipe, RecipeError, parse_recipe
from engine.recipes.modifiers import (
    ConstantPruningModifier,
    DistillationModifier,
    GlobalMagnitudePruningModifier,
    MagnitudePruningModifier,
    Modifier,
    PerLayerDistillationModifier,
    QuantizationModifier,
    SchemeQuantizationModifier,
)

RECIPE = """\
num_epochs: 8
prune_stage:
  run_type: train
  args: {final: 0.9}
  pruning_modifiers:
    MagnitudePruningModifier:
      targets: ['re:.*query$', 're:.*output.dense.weight']
      init_sparsity: 0.0
      final_sparsity: eval(final)
      start: 1
      end: eval(num_epochs - 2)
      update: 0.5
      update_scheduler: linear
      mask_structure: '2:4'
    ConstantPruningModifier: {targets: __ALL__, start: 6.0, index: 3, group: pruning}
  length_modifiers:
    - EpochRangeModifier: {start: 0, end: eval(num_epochs)}
    - LearningRateFunctionModifier: {start: 0, end: 8, lr_func: linear, init_lr: 5e-5, final_lr: 0}
"""


def one(name: str, *fields: str) -> Modifier:
    """The only modifier of a recipe that gives a name its fields."""
    recipe = parse_recipe(written(name, *fields))
    assert parse_recipe(recipe.to_yaml()).modifiers == recipe.modifiers
    (modifier,) = recipe.modifiers
    return modifier


def written(name: str, *fields: str) -> str:
    lines = "".join(f"      {field}\n" for field in fields)
    return f"test_stage:\n  test_modifiers:\n    {name}:\n{lines}"


def problems(text: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, name="r")
    return [str(problem) for problem in caught.value.problems]


def of_kind(recipe: Recipe, kind: type[Modifier]) -> Modifier:
    return next(item for item in recipe.modifiers if isinstance(item, kind))


def test_groups_of_names_and_fields_become_modifiers() -> None:
    recipe = parse_recipe(RECIPE, recipe_args={"num_epochs": 10})
    assert (recipe.max_epochs, [stage.name for stage in recipe.stages]) == (10, ["prune_stage"])
    pruning = of_kind(recipe, MagnitudePruningModifier)
    assert isinstance(pruning, MagnitudePruningModifier)
    assert (pruning.start_epoch, pruning.end_epoch, pruning.update_frequency) == (1.0, 8.0, 0.5)
    assert (pruning.final_sparsity, pruning.inter_func, pruning.mask_type) == (0.9, "linear", "2:4")
    assert pruning.params == (r"re:(?:.*query)\.weight$", "re:.*output.dense.weight")
    held = of_kind(recipe, ConstantPruningModifier)
    assert isinstance(held, ConstantPruningModifier)
    assert (held.start_epoch, held.end_epoch, held.params) == (6.0, -1.0, (r"re:.*\.weight$",))
    assert parse_recipe(recipe.to_yaml()).modifiers == recipe.modifiers
    assert recipe.stages[0].variables == {"final": 0.9}


@pytest.mark.parametrize(
    "text",
    [
        "- ConstantPruningModifier: {targets: [a.weight], start: 2}\n",
        "modifiers:\n  - ConstantPruningModifier:\n      targets: a\n      start: 2\n",
        "modifiers:\n  ConstantPruningModifier: {targets: a.weight, start: 2}\n",
        "stages:\n  one:\n    modifiers: {ConstantPruningModifier: {targets: [a], start: 2}}\n",
        "DEFAULT_stage:\n  DEFAULT_modifiers:\n    ConstantPruningModifier: {params: [a.weight], start_epoch: 2}\n",
        '{"s_stage": {\n  "x_modifiers": {"ConstantPruningModifier": {"targets": ["a"], "start": 2}}}}',
    ],
)
def test_every_way_to_write_a_group(text: str) -> None:
    assert parse_recipe(text).modifiers == (ConstantPruningModifier(params=("a.weight",), start_epoch=2),)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (("apply_globally: true",), (GlobalMagnitudePruningModifier, "cubic", "unstructured")),
        (("update_scheduler: polynomial_decay", "scheduler_args: {exponent: 3}"), (None, "cubic", "unstructured")),
        (("update_scheduler: polynomial", "scheduler_args: {exponent: 1}"), (None, "linear", "unstructured")),
        (("mask_structure: block_1,4",), (None, "cubic", (1, 4))),
        (("mask_structure: '0:0'",), (None, "cubic", "unstructured")),
    ],
)
def test_schedules_and_masks_of_pruning(fields: tuple[str, ...], expected: tuple[type | None, str, object]) -> None:
    common = ("targets: [a]", "init_sparsity: 0", "final_sparsity: 0.5", "start: 0", "end: 2")
    modifier = one("MagnitudePruningModifier", *common, *fields)
    assert isinstance(modifier, MagnitudePruningModifier | GlobalMagnitudePruningModifier)
    assert type(modifier) is (expected[0] or MagnitudePruningModifier)
    assert (modifier.inter_func, modifier.mask_type) == expected[1:]
    assert modifier.update_frequency == -1.0


def test_config_groups_quantize_their_targets_and_nothing_else() -> None:
    modifier = one(
        "QuantizationModifier",
        "start: 2",
        "disable_quantization_observer_epoch: 3",
        "ignore: [lm_head]",
        "config_groups:",
        "  group_0: {weights: {num_bits: 4, group_size: -1}, targets: [Linear]}",
        "  group_1: {input_activations: {symmetric: false, dynamic: false}, targets: [a.b]}",
    )
    assert isinstance(modifier, SchemeQuantizationModifier)
    assert (modifier.start_epoch, modifier.disable_quantization_observer_epoch) == (2.0, 3.0)
    assert (modifier.ignore, modifier.strict) == (("lm_head",), False)
    assert modifier.scheme.weights is modifier.scheme.input_activations is modifier.scheme.output_activations is None
    linear, named = modifier.scheme_overrides["Linear"], modifier.scheme_overrides["a.b"]
    assert linear.weights is not None
    assert (linear.weights.num_bits, linear.weights.strategy, linear.input_activations) == (4, "channel", None)
    assert named.input_activations is not None
    assert (named.input_activations.symmetric, named.weights) == (False, None)


def test_other_forms_of_quantization() -> None:
    preset = one("QuantizationModifier", "start: 0", "scheme: W8A16", "targets: Linear")
    assert isinstance(preset, SchemeQuantizationModifier)
    assert list(preset.scheme_overrides) == ["Linear"]
    whole = one("QuantizationModifier", "start: 0", "ignore: [a]", "scheme_overrides: {Embedding: default}")
    assert isinstance(whole, SchemeQuantizationModifier)
    assert (whole.strict, whole.scheme.weights is None) == (True, False)
    by_submodules = one("QuantizationModifier", "start: 1", "submodules: [bert.encoder]")
    assert isinstance(by_submodules, QuantizationModifier)


def test_quantization_without_a_start_is_noted() -> None:
    recipe = parse_recipe(written("QuantizationModifier", "scheme: W8A16"), name="r")
    assert [str(note)[:43] for note in recipe.notes] == ["r:3:5: QuantizationModifier has no start: i"]


def test_distillation_of_logits_and_of_layers() -> None:
    logits = one(
        "OutputDistillationModifier", "targets: [qa_outputs]", "orig_scale: 1", "distill_scale: 3",
        "transforms: softmax", "transforms_args: {temperature: 2}", "start: 1",
    )  # fmt: skip
    assert isinstance(logits, DistillationModifier)
    assert (logits.hardness, logits.temperature, logits.start_epoch) == (0.75, 2.0, 1.0)
    assert logits.distill_output_keys == ("start_logits", "end_logits")
    layers = one(
        "OutputDistillationModifier", "targets: [a, [b, c]]", "comparison: square_head", "distill_scale: 3", "start: 0"
    )
    assert isinstance(layers, PerLayerDistillationModifier)
    assert (layers.student_layer_names, layers.teacher_layer_names) == (("a", "b"), ("a", "c"))
    assert (layers.gain, layers.normalize, layers.project_features) == (1.5, True, False)


@pytest.mark.parametrize(
    ("name", "field", "expected"),
    [
        ("ConstantPruningModifier", "target: [a]", "needs targets"),
        ("ConstantPruningModifier", "target: [a]", "unknown field 'target'"),
        ("ConstantPruningModifier", "targets: [Linear]", "r:4:16: targets of ConstantPruningModifier names 'Linear'"),
        ("MagnitudePruningModifier", "mask_structure: block_4,4", "r:4:23: mask_structure of"),
        ("MagnitudePruningModifier", "update_scheduler: multi_step", "use cubic or linear"),
        ("MagnitudePruningModifier", "end: -3", "r:4:12: end of MagnitudePruningModifier must be -1 or a number"),
        ("QuantizationModifier", "scheme: W8A8", "W8A8 of QuantizationModifier has no counterpart"),
        ("QuantizationModifier", "scheme: W8A61", "did you mean 'W8A16'?"),
        ("QuantizationModifier", "targets: ['re:.*']", "name modules or their classes"),
        ("QuantizationModifier", "config_groups: {g: {weights: {type: float}}}", "r:4:37: config_groups of"),
        ("QuantizationModifier", "config_groups: {g: {weights: {num_bit: 8}}}", "did you mean 'num_bits'?"),
        ("QuantizationModifier", "config_groups: {g: {weight: {}}}", "unknown part 'weight', did you mean 'weights'?"),
        ("QuantizationModifier", "config_groups: {g: {weights: {num_bits: 16}}}", "must be at most 8"),
        ("QuantizationModifier", "post_oneshot_calibration: true", "can only be false"),
        ("OutputDistillationModifier", "targets: [a]", "can only be qa_outputs"),
        ("OutputDistillationModifier", "comparison: l2_distance", "use kl_divergence or square_head"),
        ("OutputDistillationModifier", "projection: linear", "can only be null"),
        ("AWQModifier", "ignore: [a]", "r:3:5: AWQModifier is not supported, quantize while training"),
        ("GPTQModifier", "ignore: [a]", "GPTQModifier is not supported, quantize while training"),
        ("MagnitudPruningModifier", "end: 1", "did you mean 'MagnitudePruningModifier'?"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_named_at_its_place(name: str, field: str, expected: str) -> None:
    found = problems(written(name, field))
    assert any(expected in problem for problem in found), found


def test_stages_that_do_not_train_are_named() -> None:
    text = RECIPE.replace("run_type: train", "run_type: oneshot")
    assert problems(text) == [
        "r:3:13: stage 'prune_stage' runs once, without training, only run_type: train is supported"
    ]
    assert "must be train, not 'eval'" in problems(RECIPE.replace("run_type: train", "run_type: eval"))[0]
    assert "runs once" in problems(written("ConstantPruningModifier", "targets: a").replace("test_", "oneshot_"))[0]


def test_a_stage_beside_groups_is_not_passed_over() -> None:
    text = RECIPE + "modifiers:\n  ConstantPruningModifier: {targets: [a]}\n"
    assert "put all modifiers into stages" in problems(text)[0]


def test_two_names_of_one_field_are_a_problem() -> None:
    found = problems(written("ConstantPruningModifier", "targets: [a]", "start: 1", "start_epoch: 2"))
    assert found == ["r:6:7: start and start_epoch of ConstantPruningModifier are the same; give one of them"]
