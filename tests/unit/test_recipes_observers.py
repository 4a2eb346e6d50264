"""Settings of observers in a recipe: what they say, and that what is wrong is said at its place."""

from __future__ import annotations

from typing import Any

import pytest

from engine.recipes import parse_recipe
from engine.recipes.modifiers import QuantizationModifier
from engine.recipes.modifiers.observers import observer_arguments
from engine.recipes.problems import RecipeError


def _recipe(*fields: str) -> str:
    return "modifiers:\n  - !QuantizationModifier\n" + "".join(f"      {line}\n" for line in fields)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (None, {}),
        ({"observer": "minmaxobserver"}, {"averaging_constant": None}),
        ({"observer": "torch.quantization.MovingAveragePerChannelMinMaxObserver"}, {"per_channel": True}),
        ({"qscheme": "torch.per_channel_affine"}, {"per_channel": True, "symmetric": False}),
        ({"dtype": "quint8", "symmetric": "yes", "reduce_range": 1}, None),
        ({"quant_min": -127, "quant_max": 127, "eps": 1e-5}, {"limits": (-127, 127), "smallest_scale": 1e-5}),
    ],
)
def test_names_of_torch_are_understood(settings: dict[str, Any] | None, said: dict[str, Any] | None) -> None:
    expected = {"signed": False, "symmetric": True, "reduce_range": True} if said is None else said
    assert observer_arguments(settings) == expected


def test_settings_are_saved_as_they_were_written() -> None:
    text = _recipe("weight_qconfig_kwargs: {observer: minmaxobserver, qscheme: torch.per_tensor_affine}")
    (modifier,) = parse_recipe(text).modifiers
    assert isinstance(modifier, QuantizationModifier)
    assert modifier.weight_qconfig_kwargs == {"observer": "minmaxobserver", "qscheme": "torch.per_tensor_affine"}
    assert parse_recipe(parse_recipe(text).to_yaml()).modifiers == (modifier,)


@pytest.mark.parametrize(
    ("fields", "line", "column", "said"),
    [
        (["weight_bits: 9"], 3, 20, "at most 8, not 9"),
        (["activation_bits: 1"], 3, 24, "at least 2, not 1"),
        (["activation_qconfig_kwargs:", "  eps: 1e-6", "  reduce_rang: true"], 5, 9, "did you mean 'reduce_range'?"),
        (["weight_qconfig_kwargs: {qscheme: per_tensor_afine}"], 3, 31, "did you mean 'per_tensor_affine'?"),
        (["weight_qconfig_kwargs: {observer: histogramobserver}"], 3, 31, "movingaverageminmaxobserver"),
        (["weight_qconfig_kwargs: {averaging_constant: 2}"], 3, 31, "above 0 and at most 1"),
        (["weight_qconfig_kwargs: {quant_min: -8}"], 3, 30, "both quant_min and quant_max"),
        (["weight_qconfig_kwargs: {quant_min: 0, quant_max: 255}"], 3, 30, "0 ... 255"),
        (["activation_qconfig_kwargs: {quant_min: -8, quant_max: 7}"], 3, 34, "-8 ... 7"),
        (["activation_qconfig_kwargs: {qscheme: per_channel_affine}"], 3, 34, "only weights"),
        (
            ["weight_qconfig_kwargs: {observer: minmaxobserver, averaging_constant: 0.1}"],
            3,
            57,
            "does not average",
        ),
        (
            ["weight_qconfig_kwargs: {observer: movingaverageminmaxobserver, qscheme: per_channel_symmetric}"],
            3,
            30,
            "an observer of channels and a qscheme of whole tensors, or the reverse",
        ),
        (["scheme:", "  weights:", "    num_bits: 12"], 5, 11, "num_bits, which must be at most 8"),
        (["scheme:", "  weights:", "    num_bts: 4"], 5, 11, "did you mean 'num_bits'?"),
        (["scheme:", "  weights:", "    kwargs:", "      averaging_constnt: 1"], 6, 13, "'averaging_constant'?"),
        (["scheme:", "  output_activations: {strategy: channel}"], 4, 9, "only weights"),
        (["scheme_overrides:", "  Linear:", "    weights: {strategy: row}"], 5, 21, "one of tensor, channel"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(fields: list[str], line: int, column: int, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(_recipe(*fields))
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (line, column)
    assert said in str(problem)


def test_contradictions_are_told_together() -> None:
    settings = (
        "{observer: minmaxobserver, averaging_constant: 0.1, qscheme: per_tensor_affine, symmetric: true, quant_min: 0}"
    )
    with pytest.raises(RecipeError) as caught:
        parse_recipe(_recipe(f"weight_qconfig_kwargs: {settings}"))
    said = [str(problem) for problem in caught.value.problems]
    expected = ("both quant_min and quant_max", "does not average", "symmetric by one of qscheme and symmetric")
    assert len(said) == len(expected)
    assert all(any(words in line for line in said) for words in expected)
