"""Are the zeros of the checkpoint still zeros in the exported file?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from engine.export.graph import Graph
from engine.export.names import PRODUCTS, parameter_of
from engine.export.report import ExportError, MatrixSparsity

_Array = np.ndarray
# A dense matrix has no exact zeros but by accident.
PRUNED = 0.01


@dataclass(frozen=True)
class _Stored:
    """A matrix of the file in the checkpoint's orientation, its zeros marked."""

    zeros: _Array
    dtype: str


def matrix_sparsity(model: onnx.ModelProto, weights: Mapping[str, _Array]) -> list[MatrixSparsity]:
    """Zeros of every weight matrix in the file and in the checkpoint; `weights` are [out, in] arrays by parameter name.

    Raises `ExportError` where a weight that is zero in the checkpoint is not zero in the file.
    """
    stored = _stored_matrices(Graph(model), weights)
    return [_figures(name, weight, stored[name]) for name, weight in weights.items() if name in stored]


def overall(matrices: list[MatrixSparsity]) -> float | None:
    """Share of zeros over the pruned matrices; None where none is pruned."""
    sizes = [(item, int(np.prod(item.shape))) for item in matrices]
    pruned = [(item.zeros, size) for item, size in sizes if item.checkpoint_zeros >= PRUNED * size]
    return sum(zeros for zeros, _ in pruned) / sum(size for _, size in pruned) if pruned else None


def _figures(name: str, weight: _Array, stored: _Stored) -> MatrixSparsity:
    zeros = stored.zeros
    lost = int(((weight == 0) & ~zeros).sum()) if zeros.shape == weight.shape else weight.size
    if lost:
        raise ExportError(f"{lost} zeros of {name} are not zero in the ONNX file; nothing was exported")
    return MatrixSparsity(
        name=name,
        shape=tuple(weight.shape),
        dtype=stored.dtype,
        checkpoint_zeros=int((weight == 0).sum()),
        zeros=int(zeros.sum()),
        sparsity=float(zeros.mean()),
    )


def _stored_matrices(graph: Graph, weights: Mapping[str, _Array]) -> dict[str, _Stored]:
    found: dict[str, _Stored] = {}
    for node in graph.model.graph.node:
        name = parameter_of(node, weights) if node.op_type in PRODUCTS else None
        stored = _stored(graph, node.input[1]) if name is not None else None
        if name is None or stored is None:
            continue
        transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        found[name] = stored if transposed else _Stored(stored.zeros.T, stored.dtype)
    return found


def _stored(graph: Graph, tensor: str) -> _Stored | None:
    """The matrix behind a product's second input: an initializer, as such, quantised or transposed."""
    if tensor in graph.initializers:
        values = graph.array(tensor)
        return _Stored(values == 0, str(values.dtype))
    node = graph.producers.get(tensor)
    if node is None or node.op_type not in ("DequantizeLinear", "QuantizeLinear", "Transpose"):
        return None
    if node.op_type == "DequantizeLinear" and node.input[0] in graph.initializers:
        values, zero_point = graph.array(node.input[0]), graph.array(node.input[2])
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        shape = () if zero_point.size == 1 else (-1, 1) if axis == 0 else (1, -1)
        return _Stored(values == zero_point.reshape(shape), str(values.dtype))
    inner = _stored(graph, node.input[0])
    return _Stored(inner.zeros.T, inner.dtype) if inner is not None and node.op_type == "Transpose" else inner
