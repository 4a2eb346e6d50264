"""Weights of a quantised graph stored as int8.

The traced graph keeps float weights and rounds them at every run (QuantizeLinear, DequantizeLinear, Transpose). Here
the integers are stored, transposed, behind one DequantizeLinear that the runtime fuses with the product. QuantizeLinear
divides by the scale where torch multiplies by its inverse; so torch does the rounding, and the integers in the file are
those that were trained.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
import torch
from onnx import helper

from engine.export.graph import Graph
from engine.export.names import parameter_of

_Array = np.ndarray


def fold_weights(graph: Graph, parameters: Collection[str] = ()) -> int:
    """Store every weight that a constant QuantizeLinear rounds as integers; returns how many there are.

    `parameters` are the names of the model's weights: `X` is stored as `X_quantized`, `X_scale`, `X_zero_point`.
    """
    found = [node for node in graph.model.graph.node if node.op_type == "QuantizeLinear"]
    weights = [node for node in found if node.input[0] in graph.initializers]
    for node in weights:
        _fold(graph, node, parameter_of(node, parameters) or node.input[0])
    graph.prune()
    return len(weights)


def separate_zero_points(graph: Graph) -> None:
    """Give every DequantizeLinear node a zero point of its own; see `_store`."""
    for node in graph.model.graph.node:
        if node.op_type == "DequantizeLinear" and len(node.input) > 2 and node.input[2] in graph.initializers:
            own = f"{node.output[0]}_zero_point"
            graph.put(own, graph.array(node.input[2]))
            node.input[2] = own
    graph.prune()


def _fold(graph: Graph, quantize: onnx.NodeProto, name: str) -> None:
    values, scale_name, zero_name = quantize.input
    axis = _axis(quantize)
    integers = quantize_as_torch(graph.array(values), graph.array(scale_name), graph.array(zero_name), axis)
    dequantize = graph.only_consumer(quantize.output[0])
    if dequantize is not None and dequantize.op_type == "Clip":
        integers, dequantize = _clip(graph, dequantize, integers)
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
    _store(graph, dequantize, name, integers, (graph.array(scale_name), graph.array(zero_name)))
    if graph.array(scale_name).size > 1:
        _set_axis(dequantize, axis)
    graph.remove(quantize)
    if user is not None and user.op_type == "Gather" and graph.array(scale_name).size == 1:
        _gather_integers(graph, dequantize, user, stored)


def _clip(graph: Graph, clip: onnx.NodeProto, integers: _Array) -> tuple[_Array, onnx.NodeProto | None]:
    """Integers of less than eight bits; returns them and the reader of the Clip node, which goes."""
    low, high = (graph.constant(name) for name in clip.input[1:3])
    following = graph.only_consumer(clip.output[0])
    graph.remove(clip)
    return np.clip(integers, low, high), following


def _store(
    graph: Graph, dequantize: onnx.NodeProto, name: str, integers: _Array, parameters: tuple[_Array, _Array]
) -> None:
    """Let `dequantize` read `integers` with a scale and zero point of its own.

    Shared zero points would keep ONNX Runtime from turning int8 weights into uint8 on processors without VNNI.
    """
    scale, zero_point = (values.reshape(()) if values.size == 1 else values.reshape(-1) for values in parameters)
    for suffix, values in (("quantized", integers), ("scale", scale), ("zero_point", zero_point)):
        graph.put(f"{name}_{suffix}", values)
    del dequantize.input[:]
    dequantize.input.extend([f"{name}_quantized", f"{name}_scale", f"{name}_zero_point"])


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
