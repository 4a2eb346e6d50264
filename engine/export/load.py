"""The model to export: from its folder, complete, in eager attention and evaluation mode."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForQuestionAnswering

from engine.errors import UserError, plain

WEIGHT_FILES = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
)
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def check_folder(model_path: Path) -> None:
    """`UserError` unless the folder holds a configuration, weights and a tokenizer."""
    if not model_path.is_dir():
        raise UserError(f"no such folder: {model_path}", "name the folder that training wrote")
    if not (model_path / "config.json").is_file():
        raise UserError(f"{model_path} holds no config.json", "name the folder that training wrote")
    if not any((model_path / name).is_file() for name in WEIGHT_FILES):
        raise UserError(
            f"{model_path} holds no weights: nothing but random numbers could be exported", "train it first"
        )
    if not any((model_path / name).is_file() for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json")):
        raise UserError(f"{model_path} holds no tokenizer", "copy the tokenizer's files into it")


def load_model(model_path: Path, *, trust_remote_code: bool = False) -> Any:
    """The question-answering model in `model_path`, its trained quantization in place, ready to be traced."""
    check_folder(model_path)
    model = _read(model_path, trust_remote_code)
    model.set_attn_implementation("eager")
    return freeze(model)


def _read(model_path: Path, trust_remote_code: bool) -> Any:
    try:
        model, info = AutoModelForQuestionAnswering.from_pretrained(
            model_path, output_loading_info=True, trust_remote_code=trust_remote_code, local_files_only=True
        )
    except Exception as error:
        raise UserError(
            f"cannot load {model_path}: {plain(str(error), 300)}", "is it a question-answering model?"
        ) from error
    missing = sorted(info["missing_keys"])
    if missing:
        count = f"{len(missing)} weights are missing ({missing[0]}, …)"
        raise UserError(f"{model_path}: {count} and would be random", "train the model for question answering first")
    return model


def freeze(model: nn.Module) -> nn.Module:
    """Evaluation mode, no gradients, quantization scales fixed."""
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, torch.ao.quantization.FakeQuantizeBase):
            module.disable_observer()
    return model


def input_names(model: nn.Module) -> list[str]:
    """Names of the model's inputs, in the order of its signature."""
    accepted = inspect.signature(model.forward).parameters
    return [name for name in INPUTS if name in accepted]
