"""Weights of a quantised graph stored as int8.

The traced graph keeps float weights and rounds them at every run (QuantizeLinear, DequantizeLinear, Transpose). Here
the integers are stored, transposed, behind a DequantizeLinear that the runtime fuses with the product. QuantizeLinear
divides by the scale where torch multiplies by its inverse; so torch does the rounding, and the integers in the file are
those that were trained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np
import onnx
import torch
from onnx import helper

from engine.export.graph import Graph
from engine.export.lookups import gather_channels, gather_integers
from engine.export.names import parameter_of

_Array = np.ndarray


def fold_weights(graph: Graph, parameters: Collection[str] = ()) -> int:
    """Store every weight that a constant QuantizeLinear rounds as integers; returns how many there are.

    `parameters` are the names of the model's weights: `X` is stored as `X_quantized`, `X_scale`, `X_zero_point`.
    """
    found = [node for node in graph.model.graph.node if node.op_type == "QuantizeLinear"]
    named = [(node, _weight_name(node, parameters)) for node in found if node.input[0] in graph.initializers]
    calls = Counter(name for _, name in named)
    for node, name in named:
        _fold(graph, node, name, shared=calls[name] > 1)
    graph.prune()
    make_constants_unsigned(graph)
    graph.prune()
    return len(calls)


def _weight_name(quantize: onnx.NodeProto, parameters: Collection[str]) -> str:
    own = parameter_of(quantize, parameters) if "/weight_fake_quant" in quantize.name else None
    return own or quantize.input[0]


def round_weights(graph: Graph) -> None:
    """Round the float weights that stay behind a QuantizeLinear as torch does, so that the runtime finds the same
    integers: of the largest of a row, in the middle between two, it would take the other one."""
    for node in graph.model.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] in graph.initializers:
            values, scale, zero_point = (graph.array(name) for name in node.input)
            shape = (
                [-1 if dimension == _axis(node) else 1 for dimension in range(values.ndim)] if scale.size > 1 else []
            )
            integers = quantize_as_torch(values, scale, zero_point, _axis(node)).astype(np.float32)
            centred = integers - zero_point.reshape(shape).astype(np.float32)
            graph.put(node.input[0], centred * scale.reshape(shape))


def separate_zero_points(graph: Graph) -> None:
    """Give every DequantizeLinear node a zero point of its own; see `_store`."""
    for node in graph.model.graph.node:
        if node.op_type == "DequantizeLinear" and len(node.input) > 2 and node.input[2] in graph.initializers:
            node.input[2] = graph.own(f"{node.output[0]}_zero_point", graph.array(node.input[2]))
    graph.prune()


def make_constants_unsigned(graph: Graph) -> None:
    """Round to uint8 what no input changes: the runtime computes it once, merges it where it is equal, and takes it for
    a weight; see `_unsigned`."""
    varying = graph.varying()
    for node in [node for node in graph.model.graph.node if node.op_type == "QuantizeLinear"]:
        readers = graph.consumers[node.output[0]]
        constant = node.input[0] not in varying and node.input[0] not in graph.initializers
        if not constant or any(reader.op_type != "DequantizeLinear" for reader in readers):
            continue
        zero_point = graph.own(f"{node.output[0]}_zero_point", _unsigned(graph.array(node.input[2])))
        for one in (node, *readers):
            one.input[2] = zero_point


def _fold(graph: Graph, quantize: onnx.NodeProto, name: str, *, shared: bool) -> None:
    """`shared`: the weight belongs to a module that is called more than once, and is stored once."""
    values, scale_name, zero_name = quantize.input
    axis = _axis(quantize)
    integers = quantize_as_torch(graph.array(values), graph.array(scale_name), graph.array(zero_name), axis)
    dequantize = graph.only_consumer(quantize.output[0])
    if dequantize is not None and dequantize.op_type == "Clip":
        integers, dequantize = _clip(graph, dequantize, integers)
    if dequantize is None or dequantize.op_type != "DequantizeLinear":
        graph.rewire(quantize.output[0], graph.shared(f"{name}_quantized", integers))
        graph.remove(quantize)
        return
    user = graph.only_consumer(dequantize.output[0])
    if user is not None and user.op_type == "Transpose" and integers.ndim == 2:
        integers, axis = integers.T, 1 - axis
        graph.rewire(user.output[0], dequantize.output[0])
        graph.remove(user)
    channels = graph.array(scale_name).size > 1
    zero_point = graph.array(zero_name)
    if shared:
        integers, zero_point = _unsigned(integers), _unsigned(zero_point)
    _store(graph, dequantize, name, integers, (graph.array(scale_name), zero_point))
    if channels:
        _set_axis(dequantize, axis)
    graph.remove(quantize)
    if user is not None and user.op_type == "Gather":
        (gather_channels if channels else gather_integers)(graph, dequantize, user)


def _clip(graph: Graph, clip: onnx.NodeProto, integers: _Array) -> tuple[_Array, onnx.NodeProto | None]:
    """Integers of less than eight bits; returns them and the reader of the Clip node, which goes."""
    low, high = (graph.constant(name) for name in clip.input[1:3])
    following = graph.only_consumer(clip.output[0])
    graph.remove(clip)
    return np.clip(integers, low, high), following


def _unsigned(integers: _Array) -> _Array:
    """int8 as uint8, 128 added: ONNX Runtime turns int8 weights into uint8 on processors without VNNI, once each."""
    return (integers.astype(np.int16) + 128).astype(np.uint8) if integers.dtype == np.int8 else integers


def _store(
    graph: Graph, dequantize: onnx.NodeProto, name: str, integers: _Array, parameters: tuple[_Array, _Array]
) -> None:
    """Let `dequantize` read `integers` with a scale and zero point of its own.

    Shared zero points would keep ONNX Runtime from turning int8 weights into uint8 on processors without VNNI.
    """
    scale, zero_point = (values.reshape(()) if values.size == 1 else values.reshape(-1) for values in parameters)
    stored = [
        graph.shared(f"{name}_quantized", integers),
        graph.shared(f"{name}_scale", scale),
        graph.own(f"{name}_zero_point", zero_point),
    ]
    del dequantize.input[:]
    dequantize.input.extend(stored)


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
