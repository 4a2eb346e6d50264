"""The model to export: from its folder, complete, in eager attention and evaluation mode."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from torch import nn

from engine.errors import UserError, plain
from engine.sparsify.checkpoint import load_question_answering_model
from engine.sparsify.quantization.attention import IMPLEMENTATION as QUANTISED_ATTENTION
from engine.sparsify.quantization.fake_quantizer import fake_quantizers

WEIGHT_FILES = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
)
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
# Their positions begin after the padding token's number.
COUNTED_FROM_PADDING = ("roberta", "xlm-roberta", "camembert", "longformer")


def check_folder(model_path: Path) -> None:
    """`UserError` unless the folder holds a configuration and a tokenizer."""
    if not model_path.is_dir():
        raise UserError(f"no such folder: {model_path}", "name the folder that training wrote")
    if not (model_path / "config.json").is_file():
        raise UserError(f"{model_path} holds no config.json", "name the folder that training wrote")
    if not any((model_path / name).is_file() for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json")):
        raise UserError(f"{model_path} holds no tokenizer", "copy the tokenizer's files into it")


def load_model(model_path: Path) -> Any:
    """The question-answering model in `model_path`, its trained quantization in place, ready to be traced."""
    check_folder(model_path)
    loaded = load_question_answering_model(str(model_path))
    if loaded.random_weights:
        raise UserError(f"{model_path} holds no weights: only random numbers could be exported", "train it first")
    if loaded.new_parameters:
        name = loaded.new_parameters[0]
        raise UserError(
            f"{model_path}: the weights lack {plain(name)}: random numbers would be exported",
            "train the model for question answering first",
        )
    _refuse_uncalibrated(model_path, loaded.model)
    return prepare(loaded.model)


def _refuse_uncalibrated(model_path: Path, model: nn.Module) -> None:
    quantizers = dict(fake_quantizers(model))
    without = [name for name, quantizer in quantizers.items() if not quantizer.calibrated]
    if without:
        raise UserError(
            f"{model_path}: {len(without)} of {len(quantizers)} quantizers saw no data ({plain(without[0])}): "
            "the file would not be quantized there",
            "train further with the recipe, or set the ranges with --one_shot",
        )


def prepare(model: Any) -> Any:
    """`model` as the tracer needs it: eager attention (quantised products stay), evaluation mode, fixed scales."""
    if model.config._attn_implementation != QUANTISED_ATTENTION:
        model.set_attn_implementation("eager")
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for _, quantizer in fake_quantizers(model):
        quantizer.observing = False
    return model


def input_names(model: nn.Module) -> list[str]:
    """Names of the model's inputs, in the order of its signature; no segments where it knows but one (RoBERTa)."""
    accepted = inspect.signature(model.forward).parameters
    segments = getattr(model.config, "type_vocab_size", 2)
    names = [name for name in INPUTS if name in accepted and (name != "token_type_ids" or segments > 1)]
    return sorted(names, key=list(accepted).index)


def longest_input(config: Any) -> int | None:
    """How many tokens the model reads at once; None where its configuration does not say."""
    longest = getattr(config, "max_position_embeddings", None) or getattr(config, "max_seq_len", None)
    if longest and config.model_type in COUNTED_FROM_PADDING:
        return int(longest) - (getattr(config, "pad_token_id", 0) or 0) - 1
    return int(longest) if longest else None
