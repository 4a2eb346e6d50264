"""A model without weights: its modules and parameters with their shapes, at no cost of memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import AutoModelForQuestionAnswering, PreTrainedModel

from engine.hub_reach import quick_where_unreachable
from engine.recipes.modifiers import AnyQuantizationModifier
from engine.recipes.recipe import Recipe
from engine.sparsify.behaviours.quantization import Quantization
from engine.sparsify.checkpoint import drop_layers, read_config, read_recipe
from engine.sparsify.checkpoint_files import ModelFiles, each_tensor
from engine.sparsify.quantization.names import is_quantization_state, own_name


@dataclass(frozen=True)
class Skeleton:
    """The modules of a model on the meta device, in the structure its own recipe gave it.

    `zeros`: exact zeros of each parameter in its files, None where there are no files at hand.
    """

    model: PreTrainedModel
    recipe: Recipe | None
    zeros: dict[str, int] | None


def read_skeleton(path: str) -> Skeleton:
    """The skeleton of a model folder or hub id; weights are read from folders only, one tensor at a time.

    Raises `UserError` for what is no question-answering model and for files that cannot be read.
    """
    with quick_where_unreachable(path):
        return _read(ModelFiles(path))


def _read(files: ModelFiles) -> Skeleton:
    config = read_config(files)
    with torch.device("meta"):
        model = AutoModelForQuestionAnswering.from_config(config).float().eval()
    recipe = read_recipe(files)
    found = _zeros_of_files(files) if files.folder is not None else {}
    counts = {name: found[key] for name, key in _names_in_files(model, found).items()}
    if recipe is not None and found:
        drop_layers(model, recipe, {name for name, _ in model.named_parameters() if name not in counts})
    if recipe is not None and any(map(is_quantization_state, found)):
        _quantize(model, recipe)
    # What no file has, such as a new head, begins without zeros.
    zeros = {name: counts.get(name, 0) for name, _ in model.named_parameters()} if found else None
    return Skeleton(model, recipe, zeros)


def _quantize(model: PreTrainedModel, recipe: Recipe) -> None:
    for modifier in recipe.modifiers:
        if isinstance(modifier, AnyQuantizationModifier):
            Quantization(modifier).convert(model)


def _zeros_of_files(files: ModelFiles) -> dict[str, int]:
    """Exact zeros of every tensor, by its name in the files."""
    tensors = each_tensor(files.weights(), lambda name: True)
    return {name: tensor.numel() - int(torch.count_nonzero(tensor)) for name, tensor in tensors}


def _names_in_files(model: PreTrainedModel, found: dict[str, int]) -> dict[str, str]:
    """Names in files by names in the model: checkpoints of SparseML and of base models use others."""
    own = {own_name(key): key for key in found}
    base = f"{model.base_model_prefix}."
    names: dict[str, str] = {}
    for name, _ in model.named_parameters():
        for candidate in (name, name.removeprefix(base)):
            if candidate in own:
                names.setdefault(name, own[candidate])
    return names
