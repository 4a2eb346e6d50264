"""Tables of integers that are looked up before they are dequantized.

The same numbers come out, without a float copy of the whole table at every run.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from engine.export.graph import Graph


def gather_integers(graph: Graph, dequantize: onnx.NodeProto, gather: onnx.NodeProto) -> None:
    """Of a table with one scale: DequantizeLinear moves behind the look-up."""
    rows, result = f"{gather.output[0]}_quantized", gather.output[0]
    gather.input[0], gather.output[0] = dequantize.input[0], rows
    dequantize.input[0], dequantize.output[0] = rows, result
    graph.remove(dequantize)
    graph.insert_behind(gather, dequantize)


def gather_channels(graph: Graph, dequantize: onnx.NodeProto, gather: onnx.NodeProto) -> None:
    """Of a table with a scale for each row: scales and zero points are looked up too, as DequantizeLinear cannot do."""
    table, scale, zero_point = dequantize.input
    indices, result = gather.input[1], gather.output[0]
    last = graph.shared("last_axis", np.array([-1], np.int64))
    looked_up = {"quantized": table, "scale": scale, "zero_point": zero_point}
    names = {kind: f"{result}_{kind}" for kind in looked_up}
    nodes = [helper.make_node("Gather", [source, indices], [names[kind]]) for kind, source in looked_up.items()]
    for kind in ("quantized", "zero_point"):
        nodes.append(helper.make_node("Cast", [names[kind]], [f"{names[kind]}_float"], to=TensorProto.FLOAT))
    columns = {"scale": names["scale"], "zero_point": f"{names['zero_point']}_float"}
    for kind, source in columns.items():
        nodes.append(helper.make_node("Unsqueeze", [source, last], [f"{names[kind]}_column"]))
    centred = f"{names['quantized']}_centred"
    nodes.append(helper.make_node("Sub", [f"{names['quantized']}_float", f"{names['zero_point']}_column"], [centred]))
    nodes.append(helper.make_node("Mul", [centred, f"{names['scale']}_column"], [result], gather.name))
    graph.insert_behind(gather, *nodes)
    graph.remove(gather, dequantize)
