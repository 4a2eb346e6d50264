"""Fake quantizers beside torch's own, and where recipes put them."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForQuestionAnswering, MobileBertConfig, MobileBertForQuestionAnswering

from engine.errors import UserError
from engine.recipes import load_recipe
from engine.sparsify.context import TrainingContext
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.quantization.arguments import (
    ASYMMETRIC_SIGNED,
    ASYMMETRIC_UNSIGNED,
    SYMMETRIC_SIGNED,
    SYMMETRIC_UNSIGNED,
    QuantizationArguments,
)
from engine.sparsify.quantization.fake_quantizer import FakeQuantizer, fake_quantizers
from engine.sparsify.quantization.foreign import follow_sparseml


def _bert(layers: int = 1) -> BertForQuestionAnswering:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    return BertForQuestionAnswering(config)


def _quantized(fields: str, model: nn.Module | None = None) -> Any:
    model = _bert() if model is None else model
    recipe = load_recipe(f"modifiers:\n  - !QuantizationModifier {{start_epoch: 0, {fields}}}\n")
    SparsificationManager(recipe).prepare(model)
    return model


def _places(model: nn.Module) -> set[str]:
    return {name.replace("_fake_quant", "") for name, _ in fake_quantizers(model)}


@pytest.mark.parametrize(
    ("arguments", "dtype", "scheme"),
    [
        (ASYMMETRIC_UNSIGNED, torch.quint8, torch.per_tensor_affine),
        (SYMMETRIC_UNSIGNED, torch.quint8, torch.per_tensor_symmetric),
        (ASYMMETRIC_SIGNED, torch.qint8, torch.per_tensor_affine),
        (SYMMETRIC_SIGNED, torch.qint8, torch.per_tensor_symmetric),
    ],
)
def test_arithmetic_and_gradients_are_those_of_torch(arguments: QuantizationArguments, dtype: Any, scheme: Any) -> None:
    from torch.ao.quantization import FakeQuantize, MovingAverageMinMaxObserver

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = FakeQuantize(MovingAverageMinMaxObserver, dtype=dtype, qscheme=scheme, averaging_constant=0.01)
    ours = FakeQuantizer(arguments)
    generator = torch.Generator().manual_seed(0)
    for shift in (0.0, 3.0, -2.0, 50.0, 0.0):
        tensor = torch.randn(7, 11, generator=generator) + shift
        one, other = tensor.clone().requires_grad_(), tensor.clone().requires_grad_()
        first, second = ours(one), theirs(other)
        assert torch.equal(first, second)
        assert torch.equal(ours.scale.reshape(1), theirs.scale)
        assert ours.zero_point.item() == theirs.zero_point.item()
        first.square().sum().backward()
        second.square().sum().backward()
        assert one.grad is not None
        assert torch.equal(one.grad, other.grad)  # type: ignore[arg-type]


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(
    ("observer", "settings"),
    [
        ("MovingAveragePerChannelMinMaxObserver", {"per_channel": True}),
        ("PerChannelMinMaxObserver", {"per_channel": True, "averaging_constant": None}),
        ("MinMaxObserver", {"averaging_constant": None}),
        ("MovingAverageMinMaxObserver", {"averaging_constant": 0.3, "limits": (-100, 90), "smallest_scale": 0.02}),
    ],
)
def test_other_observers_are_those_of_torch(observer: str, settings: dict[str, Any], symmetric: bool) -> None:
    from torch.ao import quantization

    ours = FakeQuantizer(QuantizationArguments(signed=True, symmetric=symmetric, **settings), channels=7)
    scheme = f"per_{'channel' if ours.arguments.per_channel else 'tensor'}_{'symmetric' if symmetric else 'affine'}"
    extra: dict[str, Any] = {"averaging_constant": 0.01} if "MovingAveragePer" in observer else {}
    if ours.arguments.limits is not None:
        extra = {"averaging_constant": 0.3, "quant_min": -100, "quant_max": 90, "eps": 0.02}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind = getattr(quantization, observer)
        theirs = quantization.FakeQuantize(kind, dtype=torch.qint8, qscheme=getattr(torch, scheme), **extra)
    generator = torch.Generator().manual_seed(0)
    for size in (1.0, 3.0, 0.5):
        tensor = (torch.randn(7, 11, generator=generator) * size).requires_grad_()
        assert torch.equal(ours(tensor), theirs(tensor))
        assert torch.equal(ours.scale.flatten(), theirs.scale.flatten())
        assert torch.equal(ours.zero_point.flatten(), theirs.zero_point.flatten())


@pytest.mark.parametrize(
    ("fields", "weights", "activations"),
    [
        ("weight_bits: 8, weight_qconfig_kwargs: {observer: minmaxobserver}", {"averaging_constant": None}, {}),
        ("weight_bits: 4, weight_qconfig_kwargs: {qscheme: per_channel_affine}", {"per_channel": True}, {}),
        ("activation_qconfig_kwargs: {symmetric: true, reduce_range: true}", {}, {"symmetric": True}),
        (
            "scheme: {weights: {strategy: channel}, input_activations: {num_bits: 6}}",
            {"per_channel": True},
            {"bits": 6},
        ),
        ("scheme: {weights: {kwargs: {averaging_constant: 0.5}}}", {"averaging_constant": 0.5}, {}),
    ],
)
def test_settings_of_a_recipe_reach_the_quantizers(
    fields: str, weights: dict[str, Any], activations: dict[str, Any]
) -> None:
    layer = _quantized(fields).qa_outputs
    for quantizer, expected in ((layer.weight_fake_quant, weights), (layer.input_fake_quant, activations)):
        usual = QuantizationArguments(quantizer.arguments.signed, symmetric=True)
        told = {name: getattr(quantizer.arguments, name) for name in ("per_channel", "averaging_constant")}
        assert told == {name: expected.get(name, getattr(usual, name)) for name in told}
        assert expected.items() <= vars(quantizer.arguments).items()
    assert layer.weight_fake_quant.scale.shape == ((2,) if weights.get("per_channel") else ())


def test_constant_zero_keeps_the_smallest_scale() -> None:
    quantizer = FakeQuantizer(ASYMMETRIC_UNSIGNED)
    assert torch.equal(quantizer(torch.zeros(3)), torch.zeros(3))
    assert quantizer.scale.item() == pytest.approx(1.1920929e-07)


def test_without_a_scale_tensors_pass_as_they_are() -> None:
    model = _bert().eval()
    inputs = torch.arange(6).reshape(1, 6)
    with torch.no_grad():
        wanted = model(inputs).start_logits
        _quantized("submodules: [bert.encoder, qa_outputs]", model)
        torch.testing.assert_close(model(inputs).start_logits, wanted, atol=1e-5, rtol=1e-5)
        model.train()(inputs)
        assert all(quantizer.calibrated for name, quantizer in fake_quantizers(model) if "embeddings" not in name)
        assert not torch.allclose(model.eval()(inputs).start_logits, wanted, atol=1e-5)


def test_given_scale_is_kept() -> None:
    quantizer = FakeQuantizer(ASYMMETRIC_UNSIGNED)
    quantizer.fix(0.5, 4)
    assert quantizer(torch.tensor([-9.0, -1.9, 0.2, 0.3, 500.0])).tolist() == [-2.0, -2.0, 0.0, 0.5, 125.5]
    assert quantizer.scale.item() == 0.5
    restored = FakeQuantizer(ASYMMETRIC_UNSIGNED)
    restored.load_state_dict(quantizer.state_dict())
    assert restored.calibrated
    assert not restored.observing


def test_half_precision_is_rounded_in_full_precision() -> None:
    quantizer = FakeQuantizer(ASYMMETRIC_SIGNED)
    rounded = quantizer(torch.linspace(-1, 1, 300).bfloat16())
    assert rounded.dtype is torch.bfloat16
    assert quantizer.scale.dtype is torch.float32
    assert len(rounded.unique()) > 200


@pytest.mark.parametrize(
    ("fields", "activations", "weights"),
    [
        ("weight_bits: 8", (0, 255), (-128, 127)),
        ("weight_bits: 4", (0, 255), (-8, 7)),
        ("activation_bits: 4", (0, 15), (-128, 127)),
        ("reduce_range: true", (0, 127), (-128, 127)),
        ("tensorrt: true", (-128, 127), (-128, 127)),
    ],
)
def test_ranges_follow_bits_and_hardware(fields: str, activations: tuple[int, int], weights: tuple[int, int]) -> None:
    layer = _quantized(fields).qa_outputs
    assert (layer.input_fake_quant.quant_min, layer.input_fake_quant.quant_max) == activations
    assert (layer.weight_fake_quant.quant_min, layer.weight_fake_quant.quant_max) == weights
    assert (layer.output_fake_quant is None) == ("tensorrt" in fields)


def test_embeddings_outside_the_submodules_get_an_asymmetric_table_only() -> None:
    model = _quantized("submodules: [qa_outputs]")
    words = model.bert.embeddings.word_embeddings
    assert not words.weight_fake_quant.arguments.symmetric
    assert words.output_fake_quant is None
    assert _places(_quantized("submodules: [qa_outputs], quantize_embeddings: false")) == {
        "qa_outputs.input",
        "qa_outputs.weight",
        "qa_outputs.output",
    }


def test_extra_types_and_excluded_types_are_heeded() -> None:
    places = _places(
        _quantized(
            "submodules: [bert.encoder], custom_quantizable_module_types: [GELUActivation], "
            "exclude_module_types: [Linear], quantize_embeddings: 0"
        )
    )
    assert "bert.encoder.layer.0.intermediate.intermediate_act_fn.input" in places
    assert "bert.encoder.layer.0.attention.output.LayerNorm.output" in places
    assert not [place for place in places if "dense" in place]


def test_parameters_keep_names_and_objects() -> None:
    model = _bert()
    before = dict(model.named_parameters())
    _quantized("weight_bits: 8", model)
    after = dict(model.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is parameter for name, parameter in before.items())


def test_quantized_model_can_be_copied_and_copies_stay_apart() -> None:
    model = _quantized("custom_quantizable_module_types: [GELUActivation]").train()
    other = copy.deepcopy(model)
    other(torch.ones(1, 6, dtype=torch.long))
    scales = [quantizer.scale.item() for _, quantizer in fake_quantizers(model)]
    assert set(scales) == {1.0}
    assert all(quantizer.scale.item() != 1.0 for _, quantizer in fake_quantizers(other))


def test_masked_attention_is_that_of_transformers_while_nothing_is_rounded() -> None:
    model = _bert(2).eval()
    inputs = {"input_ids": torch.arange(12).reshape(2, 6), "attention_mask": torch.tensor([[1] * 6, [1] * 4 + [0] * 2])}
    with torch.no_grad():
        wanted = model(**inputs).start_logits
        _quantized("submodules: [bert.encoder]", model).eval()
        for _, quantizer in fake_quantizers(model):
            quantizer.rounding = False
        torch.testing.assert_close(model(**inputs).start_logits, wanted, atol=1e-5, rtol=1e-5)


def test_scheme_reaches_every_leaf_but_what_is_ignored() -> None:
    places = _places(_quantized("ignore: [bert.embeddings, LayerNorm]"))
    layer = "bert.encoder.layer.0."
    assert {f"{layer}intermediate.intermediate_act_fn.input", f"{layer}output.dense.weight"} <= places
    assert f"{layer}attention.self.context_layer_matmul.input1" in places
    assert not [place for place in places if "LayerNorm" in place or "embeddings" in place or "dropout" in place]
    overridden = _places(
        _quantized("ignore: [bert], scheme_overrides: {qa_outputs: {weights: {num_bits: 4}, input_activations: null}}")
    )
    assert overridden == {"qa_outputs.weight"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("ignore: [NoSuchThing]", "NoSuchThing"),
        ("ignore: [LayrNorm]", "did you mean 'LayerNorm'"),
        ("submodules: [nowhere]", "no submodule nowhere"),
        ("submodules: [bert.encodr]", r"bert.encodr.*did you mean 'bert.encoder'"),
        ("num_calibration_steps: 2", "there is no training data"),
    ],
)
def test_what_cannot_be_honoured_is_refused(fields: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        _calibrated(fields, None)
    assert re.search(said, f"{caught.value.message} {caught.value.hint}")
    assert not _places(_quantized("ignore: [NoSuchThing, bert, qa_outputs], strict: false"))


def _calibrated(fields: str, source: Any, *, state: Any = None) -> tuple[Any, SparsificationManager]:
    """A model in a run by a recipe of these fields, whose data come from `source`."""
    model = _bert().train()
    recipe = load_recipe(f"modifiers:\n  - !QuantizationModifier {{start_epoch: 0, {fields}}}\n")
    manager = SparsificationManager(recipe)
    manager.prepare(model, state=state)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    manager.initialize(model, optimizer, TrainingContext(steps_per_epoch=2, total_steps=4, gradient_losses=source))
    return model, manager


def _source(model_of: list[Any], taken: list[int]) -> Any:
    """Losses of a model, batch n made of n's own random numbers."""

    def losses(first: int, count: int, text: str) -> Iterator[torch.Tensor]:
        assert "4" in text
        for number in range(first, first + count):
            taken.append(number)
            generator = torch.Generator().manual_seed(number)
            yield model_of[0](torch.randint(0, 50, (2, 6), generator=generator)).start_logits.mean()

    return lambda title, settings: losses


def test_calibration_sets_the_ranges_before_the_first_step_and_not_again_on_resumption() -> None:
    holder: list[Any] = []
    taken: list[int] = []

    def source(title: str, settings: Any) -> Any:
        assert "num_calibration_steps" in title
        return _source(holder, taken)(title, settings)

    model = _bert().train()
    holder.append(model)
    recipe = load_recipe("modifiers:\n  - !QuantizationModifier {start_epoch: 0, num_calibration_steps: 4}\n")
    manager = SparsificationManager(recipe)
    manager.prepare(model)
    context = TrainingContext(steps_per_epoch=2, total_steps=4, gradient_losses=source)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    manager.initialize(model, torch.optim.SGD(model.parameters(), lr=0.0), context)
    assert torch.equal(torch.get_rng_state(), before)
    assert taken == [0, 1, 2, 3]
    assert model.training
    assert all(module.training for module in model.modules())
    assert all(quantizer.calibrated for _, quantizer in fake_quantizers(model))
    assert all(parameter.grad is None for parameter in model.parameters())
    ranges = [quantizer.max_val.item() for _, quantizer in fake_quantizers(model)]
    model.eval()(torch.ones(1, 6, dtype=torch.long))
    assert [quantizer.max_val.item() for _, quantizer in fake_quantizers(model)] == ranges
    taken.clear()
    _calibrated("num_calibration_steps: 4", source, state=manager.state_dict())
    assert taken == []


def test_calibration_waits_for_a_later_start() -> None:
    holder: list[Any] = []
    taken: list[int] = []
    model = _bert().train()
    holder.append(model)
    recipe = load_recipe("modifiers:\n  - !QuantizationModifier {start_epoch: 1, num_calibration_steps: 4}\n")
    manager = SparsificationManager(recipe)
    manager.prepare(model)
    context = TrainingContext(steps_per_epoch=1, total_steps=2, gradient_losses=_source(holder, taken))
    manager.initialize(model, torch.optim.SGD(model.parameters(), lr=0.0), context)
    manager.before_optimizer_step(0)
    assert taken == []
    manager.before_optimizer_step(1)
    assert taken == [0, 1, 2, 3]
    assert all(quantizer.calibrated for _, quantizer in fake_quantizers(model))


def test_a_projection_behind_embeddings_has_its_quantizer_where_the_checkpoint_has_it() -> None:
    config = MobileBertConfig(
        vocab_size=50,
        hidden_size=16,
        embedding_size=8,
        intra_bottleneck_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_feedforward_networks=1,
    )
    fields = "submodules: [mobilebert.embeddings], quantize_linear_activations: 0"
    model = _quantized(fields, MobileBertForQuestionAnswering(config))
    name = "mobilebert.embeddings.embedding_transformation"
    own = {place for place in _places(model) if place.startswith(name)}
    assert own == {f"{name}.weight", f"{name}.output"}
    follow_sparseml(model, [f"{name}.output_fake_quant.scale"])
    assert {place for place in _places(model) if place.startswith(name)} == own
    follow_sparseml(model, [f"{name}.input_fake_quant.scale", f"{name}.weight_fake_quant.scale"])
    assert {place for place in _places(model) if place.startswith(name)} == {f"{name}.weight", f"{name}.input"}
    assert not model.mobilebert.embeddings.embedding_transformation.input_fake_quant.arguments.symmetric
