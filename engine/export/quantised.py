"""Weights of a quantised graph stored as int8.

The traced graph keeps float weights and rounds them at every run (QuantizeLinear, DequantizeLinear, Transpose). Here
the integers are stored, transposed, behind one DequantizeLinear that the runtime fuses with the product. QuantizeLinear
divides by the scale where torch multiplies by its inverse; so torch does the rounding, and the integers in the file are
those that were trained.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import helper

from engine.export.graph import Graph

_Array = np.ndarray


def fold_weights(graph: Graph) -> int:
    """Store every weight that a constant QuantizeLinear rounds as integers; returns how many there are."""
    found = [node for node in graph.model.graph.node if node.op_type == "QuantizeLinear"]
    weights = [node for node in found if node.input[0] in graph.initializers]
    for node in weights:
        _fold(graph, node)
    graph.prune()
    return len(weights)


def _fold(graph: Graph, quantize: onnx.NodeProto) -> None:
    name, scale_name, zero_name = quantize.input
    axis = _axis(quantize)
    integers = quantize_as_torch(graph.array(name), graph.array(scale_name), graph.array(zero_name), axis)
    dequantize = graph.only_consumer(quantize.output[0])
    stored = f"{name}_quantized"
    if dequantize is None or dequantize.op_type != "DequantizeLinear":
        graph.put(stored, integers)
        graph.rewire(quantize.output[0], stored)
        graph.remove(quantize)
        return
    user = graph.only_consumer(dequantize.output[0])
    if user is not None and user.op_type == "Transpose" and integers.ndim == 2:
        integers, axis = integers.T, 1 - axis
        graph.rewire(user.output[0], dequantize.output[0])
        graph.remove(user)
    graph.put(stored, integers)
    dequantize.input[0] = stored
    if graph.array(scale_name).size > 1:
        _set_axis(dequantize, axis)
    graph.remove(quantize)
    if user is not None and user.op_type == "Gather" and graph.array(scale_name).size == 1:
        _gather_integers(graph, dequantize, user, stored)


def _gather_integers(graph: Graph, dequantize: onnx.NodeProto, gather: onnx.NodeProto, stored: str) -> None:
    """Look rows up before they are dequantized: the same numbers, without a float copy of the whole table."""
    rows = f"{gather.output[0]}_quantized"
    result = gather.output[0]
    gather.input[0], gather.output[0] = stored, rows
    dequantize.input[0], dequantize.output[0] = rows, result
    graph.remove(dequantize)
    position = list(graph.model.graph.node).index(gather)
    graph.model.graph.node.insert(position + 1, dequantize)


def quantize_as_torch(values: _Array, scale: _Array, zero_point: _Array, axis: int = 0) -> _Array:
    """Integers of the zero point's type for float `values`, rounded as torch's fake quantization rounds them."""
    limits = np.iinfo(zero_point.dtype)
    tensor, scales = torch.from_numpy(values.copy()), torch.from_numpy(scale.astype(np.float32).reshape(-1))
    zeros = torch.from_numpy(zero_point.astype(np.int32).reshape(-1))
    if scales.numel() == 1:
        rounded = torch.fake_quantize_per_tensor_affine(tensor, float(scales), int(zeros), limits.min, limits.max)
        steps = rounded / scales + zeros
    else:
        rounded = torch.fake_quantize_per_channel_affine(tensor, scales, zeros, axis, limits.min, limits.max)
        shape = [-1 if dimension == axis else 1 for dimension in range(tensor.dim())]
        steps = rounded / scales.view(shape) + zeros.view(shape)
    return torch.round(steps).numpy().astype(zero_point.dtype)


def _axis(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)


def _set_axis(node: onnx.NodeProto, axis: int) -> None:
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("axis", axis))
