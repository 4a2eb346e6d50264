"""Quantizers as a checkpoint of SparseML has them: which it places beside those of the recipe depends on its version
and on the architecture."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import nn

from engine.sparsify.quantization.architectures import embedding_projections
from engine.sparsify.quantization.attention import CONTEXT, SCORES
from engine.sparsify.quantization.fake_quantizer import fake_quantizers


def follow_sparseml(model: nn.Module, state: Collection[str]) -> None:
    """Fit the quantizers of a converted `model` to `state`, the names of a checkpoint (by this engine's naming).

    Quantizers of attention products that no product in the checkpoint has are taken out. A projection behind the
    embeddings gets its quantizer on the side where the checkpoint has one.
    """
    known = {tuple(name.split(".")[-3:-1]) for name in state}
    for name, _ in list(fake_quantizers(model)):
        path, _, role = name.rpartition(".")
        product = path.rpartition(".")[2]
        if product in (SCORES, CONTEXT) and (product, role) not in known:
            setattr(model.get_submodule(path), role, None)
    for path in embedding_projections(model):
        _turn(model.get_submodule(path), path, state)


def _turn(projection: Any, path: str, state: Collection[str]) -> None:
    quantizer = getattr(projection, "output_fake_quant", None)
    sides = {side: any(name.startswith(f"{path}.{side}_fake_quant.") for name in state) for side in ("input", "output")}
    if quantizer is not None and sides["input"] and not sides["output"]:
        projection.input_fake_quant, projection.output_fake_quant = quantizer, None
