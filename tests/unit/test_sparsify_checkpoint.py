"""Loading models: structure, quantization state, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertForQuestionAnswering, BertModel, ViTConfig

from engine.errors import UserError
from engine.recipes import load_recipe
from engine.sparsify.checkpoint import load_question_answering_model
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.quantization.fake_quantizer import fake_quantizers

CONFIG = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 32,
}
QUANTIZED = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 2}
  - !QuantizationModifier
      start_epoch: 1
      submodules: [bert.embeddings, bert.encoder, qa_outputs]
      quantize_linear_activations: 0
      exclude_module_types: [LayerNorm]
"""
DROPPED = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 2}
  - !LayerPruningModifier {layers: [bert.encoder.layer.1], start_epoch: 0, end_epoch: 2}
"""
IDS = torch.arange(12).reshape(1, 12)


def _bert(kind: type[Any] = BertForQuestionAnswering) -> Any:
    torch.manual_seed(0)
    return kind(BertConfig(**CONFIG)).eval()


def _quantized(folder: Path, *, safe: bool = True) -> Any:
    model = _bert()
    SparsificationManager(load_recipe(QUANTIZED)).prepare(model, 1.0)
    model.train()
    with torch.no_grad():
        model(IDS)
    model.save_pretrained(folder)
    (folder / "recipe.yaml").write_text(QUANTIZED)
    if not safe:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return model.eval()


@torch.no_grad()
def _logits(model: Any) -> torch.Tensor:
    return model(IDS).start_logits


def test_dense_model_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    model = _bert()
    model.half().save_pretrained(tmp_path)
    loaded = load_question_answering_model(str(tmp_path))
    assert (loaded.random_weights, loaded.new_parameters, loaded.recipe) == (False, (), None)
    assert loaded.model.dtype is torch.float32
    torch.testing.assert_close(_logits(loaded.model), _logits(model.float()), atol=0, rtol=0)


@pytest.mark.parametrize("safe", [True, False])
def test_quantized_model_answers_the_same_after_loading(tmp_path: Path, safe: bool) -> None:
    model = _quantized(tmp_path, safe=safe)
    loaded = load_question_answering_model(str(tmp_path))
    state = loaded.model.state_dict()
    assert set(state) == set(model.state_dict())
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(_logits(loaded.model), _logits(model))
    assert not torch.equal(_logits(loaded.model), _logits(_bert()))


def test_names_of_sparseml_are_understood(tmp_path: Path) -> None:
    model = _quantized(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save({_foreign(name): tensor for name, tensor in model.state_dict().items()}, tmp_path / "pytorch_model.bin")
    loaded = load_question_answering_model(str(tmp_path))
    assert torch.equal(_logits(loaded.model), _logits(model))


def _foreign(name: str) -> str:
    owner, _, last = name.rpartition(".")
    inside = ".activation_post_process" if last in ("min_val", "max_val") else ""
    linear = "embeddings" not in name and "LayerNorm" not in name
    for own, theirs in {
        ".input_fake_quant": ".quant.activation_post_process",
        ".input0_fake_quant": ".input_quant_stubs.0.activation_post_process",
        ".input1_fake_quant": ".input_quant_stubs.1.activation_post_process",
        "matmul.output_fake_quant": "matmul.output_quant_stubs.0.activation_post_process",
        ".output_fake_quant": ".activation_post_process",
        ".weight_fake_quant": ".module.weight_fake_quant" if linear else ".weight_fake_quant",
    }.items():
        if owner.endswith(own):
            return owner.removesuffix(own) + theirs + inside + "." + last
    return f"{owner}.module.{last}" if linear else name


def test_missing_quantization_state_is_refused(tmp_path: Path) -> None:
    _quantized(tmp_path, safe=False)
    file = tmp_path / "pytorch_model.bin"
    state = torch.load(file, weights_only=True)
    del state["qa_outputs.weight_fake_quant.scale"]
    torch.save(state, file)
    with pytest.raises(UserError, match=r"qa_outputs\.weight_fake_quant\.scale"):
        load_question_answering_model(str(tmp_path))


def test_recipe_without_any_quantization_state_is_refused_unless_it_had_not_begun(tmp_path: Path) -> None:
    _bert().save_pretrained(tmp_path)
    (tmp_path / "recipe.yaml").write_text(QUANTIZED)
    with pytest.raises(UserError, match="quantization state"):
        load_question_answering_model(str(tmp_path))
    assert not list(fake_quantizers(load_question_answering_model(str(tmp_path), apply_recipe=False).model))
    (tmp_path / "trainer_state.json").write_text(json.dumps({"epoch": 1.0}))
    assert not list(fake_quantizers(load_question_answering_model(str(tmp_path)).model))


def test_dropped_layer_stays_dropped(tmp_path: Path) -> None:
    model = _bert()
    SparsificationManager(load_recipe(DROPPED)).prepare(model)
    model.save_pretrained(tmp_path)
    (tmp_path / "recipe.yaml").write_text(DROPPED)
    loaded = load_question_answering_model(str(tmp_path))
    assert not [name for name, _ in loaded.model.named_parameters() if "layer.1." in name]
    assert torch.equal(_logits(loaded.model), _logits(model))


def test_base_model_gets_a_new_head_and_says_so(tmp_path: Path) -> None:
    _bert(BertForMaskedLM).save_pretrained(tmp_path / "lm")
    _bert(BertModel).save_pretrained(tmp_path / "base")
    for name in ("lm", "base"):
        loaded = load_question_answering_model(str(tmp_path / name))
        assert loaded.new_parameters == ("qa_outputs.bias", "qa_outputs.weight")
        assert not loaded.random_weights


def test_config_alone_gives_random_weights(tmp_path: Path) -> None:
    BertConfig(**CONFIG).save_pretrained(tmp_path)
    assert load_question_answering_model(str(tmp_path)).random_weights


def test_incomplete_weights_are_refused(tmp_path: Path) -> None:
    model = _bert()
    model.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    state = model.state_dict()
    del state["bert.encoder.layer.1.output.dense.weight"]
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"lack bert\.encoder\.layer\.1\.output\.dense\.weight"):
        load_question_answering_model(str(tmp_path))


def test_weights_of_another_shape_are_named(tmp_path: Path) -> None:
    _bert().save_pretrained(tmp_path)
    BertConfig(**{**CONFIG, "intermediate_size": 48}).save_pretrained(tmp_path)
    with pytest.raises(UserError) as raised:
        load_question_answering_model(str(tmp_path))
    assert "bert.encoder.layer.0.intermediate.dense.bias as 32, config.json asks for 48; 5 more" in str(raised.value)


def _broken(folder: Path) -> None:
    _bert().save_pretrained(folder)
    (folder / "model.safetensors").write_bytes(b"\x00" * 40)


def _pickled_code(folder: Path) -> None:
    BertConfig(**CONFIG).save_pretrained(folder)
    torch.save({"bert": Path("x")}, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, r"no config\.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot load"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "no-such"}'), "cannot load"),
        (lambda folder: ViTConfig().save_pretrained(folder), "question-answering"),
        (_broken, "cannot"),
        (_pickled_code, "more than weights"),
        (lambda folder: (BertConfig(**CONFIG).save_pretrained(folder), (folder / "tf_model.h5").touch()), "framework"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(tmp_path: Path, make: Any, said: str) -> None:
    make(tmp_path)
    with pytest.raises(UserError, match=said) as raised:
        load_question_answering_model(str(tmp_path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["./nowhere", "a/b/c", "somebody/some-model"])
def test_unknown_names_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as raised:
        load_question_answering_model(name, cache_dir=str(tmp_path))
    assert "\n" not in str(raised.value)
