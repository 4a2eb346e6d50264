"""Load a question-answering model with the structure its recipe gave it."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForQuestionAnswering, PretrainedConfig, PreTrainedModel
from transformers.utils import logging

from engine.errors import UserError, plain
from engine.recipes import load_recipe
from engine.recipes.modifiers import AnyQuantizationModifier, LayerPruningModifier
from engine.recipes.recipe import Recipe
from engine.sparsify.behaviours.layers import LayerPruning
from engine.sparsify.behaviours.quantization import Quantization
from engine.sparsify.checkpoint_files import FOREIGN_WEIGHTS, ModelFiles, read_tensors
from engine.sparsify.quantization.fake_quantizer import fake_quantizers
from engine.sparsify.quantization.foreign import follow_sparseml
from engine.sparsify.quantization.names import FOREIGN, is_quantization_state, own_name

RECIPE = "recipe.yaml"
SAID_BY_TRANSFORMERS = (OSError, ValueError, RuntimeError, KeyError, ImportError, AttributeError, TypeError)


@dataclass(frozen=True)
class LoadedModel:
    """A model and what is to be said about it.

    `random_weights`: the folder had no weights at all. `new_parameters`: those of a question-answering head that the
    checkpoint of a base model does not have. `recipe`: the one that lies with the model.
    """

    model: PreTrainedModel
    config: PretrainedConfig
    recipe: Recipe | None
    random_weights: bool = False
    new_parameters: tuple[str, ...] = ()


def load_question_answering_model(
    path: str,
    *,
    apply_recipe: bool = True,
    attn_implementation: str | None = None,
    revision: str | None = None,
    cache_dir: str | None = None,
    sparseml_compatible: bool = False,
) -> LoadedModel:
    """Load the model of a folder or hub id in float32, on the CPU, in evaluation mode.

    Where the model carries a ``recipe.yaml`` (and `apply_recipe`), dropped layers and fake quantizers are put in place
    and their state is read from the same weights, also from checkpoints of SparseML. Raises `UserError` for a folder
    without ``config.json``, an architecture without question answering, unreadable or incomplete weights, and
    missing quantization state.
    """
    files = ModelFiles(str(path), revision, cache_dir)
    config = read_config(files)
    recipe = read_recipe(files) if apply_recipe else None
    weights = files.weights()
    if not weights:
        return LoadedModel(_random(files, config, attn_implementation), config, recipe, random_weights=True)
    quantization = read_tensors(weights, is_quantization_state)
    model, missing = _dense(files, config, attn_implementation, bool(quantization))
    if recipe is not None:
        missing -= drop_layers(model, recipe, missing)
        _quantize(model, recipe, quantization, files, sparseml_compatible)
    new = _new_parameters(model, missing, files)
    return LoadedModel(model.eval(), config, recipe, new_parameters=new)


def read_config(files: ModelFiles) -> PretrainedConfig:
    if files.folder is not None and files.find("config.json") is None:
        raise UserError(f"{plain(files.name)} has no config.json", "give the folder of a model saved by transformers")
    try:
        config = AutoConfig.from_pretrained(files.name, revision=files.revision, cache_dir=files.cache_dir)
    except SAID_BY_TRANSFORMERS as error:
        raise _unloadable(files, error) from None
    if type(config) not in AutoModelForQuestionAnswering._model_mapping:
        raise UserError(
            f"{plain(files.source)} is a {plain(config.model_type)} model, which has no question-answering head",
            "choose a BERT-like encoder",
        )
    return config


def read_recipe(files: ModelFiles) -> Recipe | None:
    found = files.find(RECIPE)
    return None if found is None else load_recipe(found)


def _random(files: ModelFiles, config: PretrainedConfig, attention: str | None) -> PreTrainedModel:
    for name in FOREIGN_WEIGHTS:
        if files.find(name) is not None:
            raise UserError(
                f"{plain(files.source)} has weights for another framework only ({name})",
                "convert them to safetensors or pytorch_model.bin",
            )
    return AutoModelForQuestionAnswering.from_config(config, attn_implementation=attention).float().eval()


def _dense(
    files: ModelFiles, config: PretrainedConfig, attention: str | None, quantized: bool
) -> tuple[PreTrainedModel, set[str]]:
    """The model before its structure is changed, and the names its checkpoint does not have."""
    renames = {r"\.module\.(weight|bias)$": r".\1"} if quantized else None
    try:
        with _quiet():
            model, info = AutoModelForQuestionAnswering.from_pretrained(
                files.name,
                config=config,
                revision=files.revision,
                cache_dir=files.cache_dir,
                attn_implementation=attention,
                dtype=torch.float32,
                key_mapping=renames,
                output_loading_info=True,
                # They are refused below, with names and shapes.
                ignore_mismatched_sizes=True,
            )
    except SAID_BY_TRANSFORMERS as error:
        raise _unloadable(files, error) from None
    _refuse_other_shapes(files, info["mismatched_keys"])
    return model, set(info["missing_keys"])


def _refuse_other_shapes(files: ModelFiles, mismatched: Collection[tuple[str, Sequence[int], Sequence[int]]]) -> None:
    """`mismatched`: name, shape in the file, shape that config.json asks for."""
    if not mismatched:
        return
    name, found, wanted = min(mismatched)
    more = f"; {len(mismatched) - 1} more do not fit" if len(mismatched) > 1 else ""
    shapes = f"the weights hold {plain(name)} as {_shape(found)}, config.json asks for {_shape(wanted)}"
    raise UserError(
        f"{plain(files.source)}: {shapes}{more}",
        "the two belong to different models: copy the whole model folder",
    )


def _shape(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))


def drop_layers(model: PreTrainedModel, recipe: Recipe, missing: set[str]) -> set[str]:
    """Take out the layers of the recipe that the checkpoint has nothing of; returns the names that went with them."""
    gone: set[str] = set()
    for modifier in recipe.modifiers:
        if isinstance(modifier, LayerPruningModifier):
            behaviour = LayerPruning(modifier)
            inside = {name for name, _ in model.named_parameters() if _is_inside(name, behaviour.names(model))}
            if inside and inside <= missing:
                behaviour.drop(model)
                gone |= inside
    return gone


def _is_inside(parameter: str, layers: list[str]) -> bool:
    return any(parameter.startswith(f"{layer}.") for layer in layers)


def _quantize(
    model: PreTrainedModel,
    recipe: Recipe,
    quantization: dict[str, torch.Tensor],
    files: ModelFiles,
    sparseml_compatible: bool,
) -> None:
    state = {own_name(name): tensor for name, tensor in quantization.items()}
    for modifier in recipe.modifiers:
        if not isinstance(modifier, AnyQuantizationModifier):
            continue
        if not state and modifier.begins >= _epoch_reached(files):
            continue
        Quantization(modifier, sparseml_compatible=sparseml_compatible).convert(model)
    if any(FOREIGN.search(name) for name in quantization):
        follow_sparseml(model, state)
    _load_quantization_state(model, state, files)


def _epoch_reached(files: ModelFiles) -> float:
    """The epoch a checkpoint was written at: quantization that begins later is not in it."""
    found = files.find("trainer_state.json")
    if found is None:
        return math.inf
    try:
        return float(json.loads(found.read_text(encoding="utf-8"))["epoch"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _load_quantization_state(model: nn.Module, state: dict[str, torch.Tensor], files: ModelFiles) -> None:
    for name, quantizer in fake_quantizers(model):
        wanted = {key: state.get(f"{name}.{key}") for key in quantizer.state_dict()}
        lacking = [key for key, tensor in wanted.items() if tensor is None]
        if lacking:
            raise UserError(
                f"{plain(files.source)}: the weights lack the quantization state {name}.{lacking[0]}, "
                f"though {RECIPE} says the model is quantized",
                "copy the whole model folder, or remove recipe.yaml to load it unquantized",
            )
        own = quantizer.state_dict()
        found = {key: tensor for key, tensor in wanted.items() if tensor is not None}
        other = next((key for key, tensor in found.items() if tensor.numel() != own[key].numel()), None)
        if other is not None:
            raise UserError(
                f"{plain(files.source)}: the quantization state {name}.{other} has {found[other].numel()} values, "
                f"{RECIPE} asks for {own[other].numel()}",
                "the weights belong to another recipe: copy the whole model folder",
            )
        quantizer.load_state_dict({key: tensor.reshape(own[key].shape) for key, tensor in found.items()})


def _new_parameters(model: PreTrainedModel, missing: set[str], files: ModelFiles) -> tuple[str, ...]:
    """Missing names outside the base model: a head to be trained. Raises `UserError` for any other."""
    base = f"{model.base_model_prefix}."
    lost = sorted(name for name in missing if name.startswith(base))
    if lost:
        raise UserError(
            f"{plain(files.source)}: the weights lack {plain(lost[0])}"
            + (f" and {len(lost) - 1} more" if len(lost) > 1 else ""),
            "copy the whole model folder, or correct its config.json",
        )
    return tuple(sorted(missing))


def _unloadable(files: ModelFiles, error: Exception) -> UserError:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    where = "check the folder" if files.folder is not None else "check the name and the network, or give a local folder"
    return UserError(f"cannot load {plain(files.source)}: {plain(first, 300)}", where)


@contextmanager
def _quiet() -> Iterator[None]:
    """What transformers has to say about missing and surplus names is said by this module, once."""
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
