"""Weight matrices under their own names: the exporter transposes them into anonymous initializers."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np
import onnx

from engine.export.graph import Graph

_Array = np.ndarray
PRODUCTS = ("MatMul", "Gemm")
_CALL = re.compile(r"_\d+$")
"""What the exporter adds to a module's name when it is called again."""


def name_matrices(graph: Graph, parameters: Mapping[str, _Array]) -> None:
    """Name the transposed copy of a linear layer's weight (`onnx::MatMul_324`) after its parameter.

    The node's place (`/model/encoder/layer.0/…/query/MatMul`) says which parameter; its content has to agree.
    """
    for node in graph.model.graph.node:
        parameter = parameter_of(node, parameters) if node.op_type in PRODUCTS else None
        if parameter is None:
            continue
        for index, tensor in enumerate(node.input):
            if tensor in graph.initializers and np.array_equal(graph.array(tensor), parameters[parameter].T):
                graph.put(parameter, graph.array(tensor))
                node.input[index] = parameter
    graph.prune()


def parameter_of(node: onnx.NodeProto, parameters: Collection[str]) -> str | None:
    """The weight of the module that a node belongs to, by the node's scope; None where there is no such weight.

    `/model/encoder/dense/MatMul` and `/model/encoder/dense/weight_fake_quant/QuantizeLinear` belong to `encoder.dense`,
    and so do those of its second call, `/model/encoder/dense_1/MatMul`.
    """
    scope = [part for part in node.name.split("/")[1:-1] if part]
    once = [_CALL.sub("", part) for part in scope]
    owners = (parts for way in (scope, once) for parts in (way[1:], way[1:-1] if _is_quantizer(way) else []))
    return next((name for owner in owners if (name := ".".join([*owner, "weight"])) in parameters), None)


def _is_quantizer(scope: list[str]) -> bool:
    return bool(scope) and _CALL.sub("", scope[-1]).endswith("fake_quant")
