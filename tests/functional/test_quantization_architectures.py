"""Every architecture quantized, saved, loaded again and exported: nothing that was placed is lost on the way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn
from transformers import AutoConfig, AutoModelForQuestionAnswering

from engine.errors import UserError
from engine.export.export import build_graph, export_model, verify
from engine.export.load import prepare
from engine.recipes import load_recipe
from engine.sparsify.checkpoint import load_question_answering_model
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.quantization.attention import IMPLEMENTATION
from engine.sparsify.quantization.fake_quantizer import fake_quantizers
from tests.tiny_models import write_tokenizer

WORDS, LENGTH = 60, 60
USUAL: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": LENGTH + 6,
    "initializer_range": 0.3,
}
DISTILBERT = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
MOBILEBERT = {
    "embedding_size": 16,
    "intra_bottleneck_size": 16,
    "num_feedforward_networks": 2,
    "initializer_range": 0.1,
}
DEBERTA = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16, "type_vocab_size": 0}
DEBERTA |= {"norm_rel_ebd": "layer_norm", "share_att_key": True, "position_biased_input": False}
CONFIGS: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {},
    "electra": {"embedding_size": 16},
    "distilbert": DISTILBERT,
    "mobilebert": MOBILEBERT,
    "albert": {"embedding_size": 16},
    "deberta-v2": DEBERTA,
}
LEGACY = "quantize_linear_activations: 0, exclude_module_types: [LayerNorm], disable_quantization_observer_epoch: 1"
CHANNELS = (
    "scheme: {weights: {strategy: channel, num_bits: 6}}, scheme_overrides: {Embedding: {weights: {symmetric: false}}}"
)
RECIPES = {"legacy": LEGACY, "channels": CHANNELS}
PRODUCT = ("attention_scores_matmul", "context_layer_matmul")


def _model(architecture: str) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(architecture, **{**USUAL, **CONFIGS[architecture]})
    return AutoModelForQuestionAnswering.from_config(config)


def _recipe(fields: str) -> str:
    return f"modifiers:\n  - !QuantizationModifier {{start_epoch: 0.0, {fields}}}\n"


def _places(model: Any) -> set[str]:
    return {name.replace("_fake_quant", "") for name, _ in fake_quantizers(model)}


def _trained(architecture: str, fields: str) -> Any:
    """A model after three steps of training with its quantizers in place."""
    model = _model(architecture).train()
    SparsificationManager(load_recipe(_recipe(fields))).prepare(model, 1.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        ids = torch.randint(2, WORDS, (4, 40), generator=generator)
        positions = torch.randint(1, 40, (2, 4), generator=generator)
        model(ids, start_positions=positions[0], end_positions=positions[1]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


@torch.no_grad()
def _logits(model: Any) -> torch.Tensor:
    ids = torch.randint(2, WORDS, (2, 33), generator=torch.Generator().manual_seed(2))
    mask = torch.ones_like(ids)
    mask[1, 20:] = 0
    result = model(input_ids=ids, attention_mask=mask)
    return torch.stack([result.start_logits, result.end_logits])


def _saved(model: Any, fields: str, folder: Path) -> Path:
    model.save_pretrained(folder)
    (folder / "recipe.yaml").write_text(_recipe(fields))
    return folder


@pytest.mark.parametrize("fields", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("architecture", CONFIGS)
def test_trained_saved_loaded_and_exported(architecture: str, fields: str, tmp_path: Path) -> None:
    model = _trained(architecture, fields)
    assert all(quantizer.calibrated for _, quantizer in fake_quantizers(model))
    loaded = load_question_answering_model(str(_saved(model, fields, tmp_path))).model
    assert torch.equal(_logits(loaded), _logits(model))
    exported = build_graph(prepare(loaded), LENGTH, 17, path := tmp_path / "model.onnx")
    facts = verify(loaded, exported, path, LENGTH)
    assert facts["difference"] <= facts["tolerance"]
    _check_file(onnx.load(str(path)), loaded, exported.folded)


@pytest.mark.parametrize("architecture", ["bert", "deberta-v2"])
def test_weights_left_in_float_are_rounded_as_torch_rounds_them(architecture: str, tmp_path: Path) -> None:
    model = prepare(_trained(architecture, CHANNELS.replace("num_bits: 6", "num_bits: 8")))
    exported = build_graph(model, LENGTH, 17, path := tmp_path / "model.onnx", convert_qat=False)
    facts = verify(model, exported, path, LENGTH)
    assert facts["difference"] <= facts["tolerance"]
    assert exported.folded == 0


def _check_file(file: onnx.ModelProto, model: Any, folded: int) -> None:
    """Every rounding of an activation is in the file, as such or (what no input changes) `folded` into integers, and
    every weight is there once, as the integers it was trained to, with its scales."""
    stored = {item.name: numpy_helper.to_array(item) for item in file.graph.initializer}
    calls = _roundings(model)
    assert min(calls.values()) > 0
    written = sum(node.op_type == "QuantizeLinear" for node in file.graph.node)
    weights = {name for name in calls if name.endswith("weight_fake_quant")}
    assert written + folded == sum(count for name, count in calls.items() if name not in weights) + len(weights)
    for name, quantizer in fake_quantizers(model):
        if name not in weights:
            continue
        weight = name.removesuffix("_fake_quant")
        transposed = isinstance(model.get_submodule(weight.rpartition(".")[0]), nn.Linear)
        values = _dequantized(stored, weight, transposed)
        with torch.no_grad():
            rounded = quantizer(model.get_parameter(weight)).numpy()
        np.testing.assert_allclose(values.T if transposed else values, rounded, atol=1e-6, err_msg=weight)
        assert weight not in stored


def _roundings(model: Any) -> dict[str, int]:
    """How often every quantizer rounds in one pass."""
    calls = {name: 0 for name, _ in fake_quantizers(model)}

    def counting(name: str) -> Any:
        def count(*_: Any) -> None:
            calls[name] += 1

        return count

    hooks = [quantizer.register_forward_hook(counting(name)) for name, quantizer in fake_quantizers(model)]
    _logits(model)
    for hook in hooks:
        hook.remove()
    return calls


def _dequantized(stored: dict[str, np.ndarray], weight: str, transposed: bool) -> np.ndarray:
    integers, scale, zero_point = (stored[f"{weight}_{kind}"] for kind in ("quantized", "scale", "zero_point"))
    assert integers.dtype in (np.int8, np.uint8)
    shape = () if scale.ndim == 0 else (1, -1) if transposed else (-1, 1)
    return (integers.astype(np.float32) - zero_point.reshape(shape).astype(np.float32)) * scale.reshape(shape)


@pytest.mark.parametrize("architecture", [name for name in CONFIGS if name != "deberta-v2"])
def test_products_of_attention_are_those_of_bert(architecture: str) -> None:
    model = _model(architecture)
    SparsificationManager(load_recipe(_recipe(LEGACY))).prepare(model)
    assert model.config._attn_implementation == IMPLEMENTATION
    products = Counter(
        place.split(".")[-2] + "." + place.split(".")[-1] for place in _places(model) if "matmul" in place
    )
    roles = {f"{product}.{role}" for product in PRODUCT for role in ("input0", "input1", "output")}
    if architecture == "distilbert":
        roles.remove("context_layer_matmul.output")
    layers = 1 if architecture == "albert" else 2
    assert products == dict.fromkeys(roles, layers)
    symmetric = {
        name.rpartition(".")[2]
        for name, item in fake_quantizers(model)
        if "matmul" in name and item.arguments.symmetric
    }
    assert symmetric == {"input1_fake_quant"}


@pytest.mark.parametrize("architecture", CONFIGS)
def test_attention_says_the_same_while_nothing_is_rounded(architecture: str) -> None:
    model = _model(architecture).eval()
    wanted = _logits(model)
    SparsificationManager(load_recipe(_recipe(LEGACY))).prepare(model)
    torch.testing.assert_close(_logits(model.eval()), wanted, atol=1e-4, rtol=1e-4)


def test_a_model_whose_quantizers_saw_no_data_is_not_exported(tmp_path: Path) -> None:
    model = _model("electra")
    SparsificationManager(load_recipe(_recipe(LEGACY))).prepare(model)
    write_tokenizer(_saved(model, LEGACY, tmp_path))
    with pytest.raises(UserError, match=r"46 of 46 quantizers saw no data \(electra.embeddings"):
        export_model(tmp_path)
    assert not (tmp_path / "deployment").exists()


def test_layers_of_distilbert_and_mobilebert() -> None:
    model = _model("distilbert")
    SparsificationManager(load_recipe(_recipe(LEGACY))).prepare(model)
    layer = "distilbert.transformer.layer.0."
    linear = {"attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "ffn.lin1", "ffn.lin2"}
    assert {f"{layer}{name}.{tensor}" for name in linear for tensor in ("input", "weight")} <= _places(model)
    model = _model("mobilebert")
    SparsificationManager(
        load_recipe(_recipe(f"{LEGACY}, submodules: [mobilebert.embeddings, mobilebert.encoder]"))
    ).prepare(model)
    places = _places(model)
    assert {place.rpartition(".")[2] for place in places if "embedding_transformation" in place} == {"weight", "output"}
    bottlenecks = {place for place in places if "bottleneck" in place and place.endswith(".weight")}
    assert len(bottlenecks) == 2 * 3
    assert not [place for place in places if "LayerNorm" in place or place.startswith("qa_outputs")]


def test_what_no_product_is_known_of_is_said_and_left_in_float() -> None:
    model = _model("deberta-v2")
    manager = SparsificationManager(load_recipe(_recipe(LEGACY)))
    (remark,) = manager.remarks(model)
    assert "DisentangledSelfAttention" in remark
    manager.prepare(model)
    places = _places(model)
    assert "deberta.encoder.layer.1.attention.self.query_proj.weight" in places
    assert not [place for place in places if "matmul" in place or "rel_embeddings" in place]
    assert SparsificationManager(load_recipe(_recipe(LEGACY))).remarks(_model("roberta")) == []
    outside = "submodules: [qa_outputs]"
    assert SparsificationManager(load_recipe(_recipe(outside))).remarks(model) == []


def test_attention_that_cannot_be_switched_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _model("roberta")
    monkeypatch.setattr(type(model), "set_attn_implementation", lambda *_: None)
    with pytest.raises(UserError, match="RobertaForQuestionAnswering keeps its sdpa attention"):
        SparsificationManager(load_recipe(_recipe(LEGACY))).prepare(model)


def test_quantizers_that_sparseml_does_not_place_are_not_missed(tmp_path: Path) -> None:
    """SparseML 1.8 leaves the products of RoBERTa in float."""
    fields = f"{LEGACY}, submodules: [roberta.encoder], quantize_embeddings: 0"
    folder = _saved(_trained("roberta", fields), fields, tmp_path)
    state = load_question_answering_model(str(folder)).model.state_dict()
    (folder / "model.safetensors").unlink()
    foreign = {_foreign(name): tensor for name, tensor in state.items() if "matmul" not in name}
    torch.save(foreign, folder / "pytorch_model.bin")
    model = load_question_answering_model(str(folder)).model
    assert not [name for name in _places(model) if "matmul" in name]
    assert _logits(model).isfinite().all()


def _foreign(name: str) -> str:
    inner = ".activation_post_process" if name.endswith(("min_val", "max_val")) else ""
    owner, _, last = name.rpartition(".")
    if owner.endswith(".input_fake_quant"):
        return f"{owner.removesuffix('.input_fake_quant')}.quant.activation_post_process{inner}.{last}"
    if owner.endswith(".weight_fake_quant"):
        return f"{owner.removesuffix('.weight_fake_quant')}.module.weight_fake_quant{inner}.{last}"
    linear = "encoder.layer" in name and "LayerNorm" not in name
    return f"{owner}.module.{last}" if linear else name
