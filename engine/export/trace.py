"""Model to ONNX with batch and sequence left open, through the TorchScript exporter.

Eager attention and this exporter are the pair whose attention ONNX Runtime can fuse, and the only one that writes
trained quantizers as QuantizeLinear and DequantizeLinear nodes.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import onnx
import torch
from torch import nn

from engine.export.symbolics import fake_quantization

OUTPUTS = ("start_logits", "end_logits")
PREFIX = "model."


class TupleOutput(nn.Module):
    """Start and end logits as a tuple, each [batch, length], with inputs by position."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        result = self.model(**dict(zip(self.names, inputs, strict=True)), return_dict=True)
        return result.start_logits, result.end_logits


def trace(model: nn.Module, names: list[str], length: int, opset: int) -> onnx.ModelProto:
    """The graph of the model as torch writes it, traced with one input of `length` tokens.

    Initializers that are parameters or buffers have their names in `model`.
    """
    wrapper = TupleOutput(model, names).eval()
    sample = tuple(torch.ones(1, length, dtype=torch.long) for _ in names)
    axes = {name: {0: "batch", 1: "sequence"} for name in (*names, *OUTPUTS)}
    arguments: dict[str, Any] = {"input_names": names, "output_names": list(OUTPUTS), "dynamic_axes": axes}
    written: Any = io.BytesIO()
    with _quiet(), torch.no_grad(), fake_quantization(opset):
        torch.onnx.export(wrapper, sample, written, opset_version=opset, dynamo=False, **arguments)
    # The exporter may leave the children of the wrapper in training mode.
    wrapper.eval()
    graph = onnx.load_model_from_string(written.getvalue())
    _strip_prefix(graph)
    return graph


def _strip_prefix(graph: onnx.ModelProto) -> None:
    names = {item.name: item.name.removeprefix(PREFIX) for item in graph.graph.initializer}
    for item in graph.graph.initializer:
        item.name = names[item.name]
    for node in graph.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = names.get(name, name)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's remarks about itself concern nobody who reads a report."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
