"""Integer weights in hand-made graphs: rounding, orientation, channels, shared zero points."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from engine.export.graph import Graph, drop_needless_casts, fold_identities
from engine.export.quantised import fold_weights, quantize_as_torch, round_weights
from engine.export.report import ExportError
from engine.export.sparsity import matrix_sparsity, overall
from engine.pipeline.runtime import open_session

WEIGHT = "encoder.dense.weight"
SCOPE = "/model/encoder/dense"


def linear_graph(
    weight: np.ndarray, scale: np.ndarray, zero_point: np.ndarray, axis: int | None = None
) -> onnx.ModelProto:
    """x [n, in] times the transposed, quantised and cast weight [out, in], as the exporter writes it."""
    attributes = {} if axis is None else {"axis": axis}
    quantizer = f"{SCOPE}/weight_fake_quant"
    nodes = [
        helper.make_node("Identity", ["s"], ["s_shared"], "share"),
        helper.make_node("QuantizeLinear", ["w", "s_shared", "z"], ["q"], f"{quantizer}/QuantizeLinear", **attributes),
        helper.make_node(
            "DequantizeLinear", ["q", "s_shared", "z"], ["d"], f"{quantizer}/DequantizeLinear", **attributes
        ),
        helper.make_node("Cast", ["d"], ["c"], f"{quantizer}/Cast", to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["c"], ["t"], f"{SCOPE}/Transpose", perm=[1, 0]),
        helper.make_node("MatMul", ["x", "t"], ["y"], f"{SCOPE}/MatMul"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", weight.shape[1]])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", weight.shape[0]])]
    stored = [
        numpy_helper.from_array(values, name) for name, values in (("w", weight), ("s", scale), ("z", zero_point))
    ]
    graph = helper.make_graph(nodes, "linear", inputs, outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def folded(model: onnx.ModelProto) -> Graph:
    graph = Graph(model)
    fold_identities(graph)
    drop_needless_casts(graph)
    assert fold_weights(graph, [WEIGHT]) == 1
    onnx.checker.check_model(graph.model)
    return graph


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/model.onnx")
        return np.asarray(open_session(Path(folder, "model.onnx")).run(None, {"x": x})[0])


def test_weight_is_stored_transposed_as_int8_under_its_name() -> None:
    generator = np.random.default_rng(0)
    weight = generator.normal(size=(3, 5)).astype(np.float32)
    scale, zero = np.float32(0.02), np.array(0, np.int8)
    graph = folded(linear_graph(weight, np.array(scale), zero))
    stored = graph.array(f"{WEIGHT}_quantized")
    assert stored.dtype == np.int8
    expected = torch.fake_quantize_per_tensor_affine(torch.from_numpy(weight), float(scale), 0, -128, 127).numpy()
    np.testing.assert_array_equal(stored.T * scale, expected)
    assert [node.op_type for node in graph.model.graph.node] == ["DequantizeLinear", "MatMul"]
    assert graph.array(f"{WEIGHT}_scale").shape == graph.array(f"{WEIGHT}_zero_point").shape == ()
    x = generator.normal(size=(4, 5)).astype(np.float32)
    np.testing.assert_allclose(run(graph.model, x), x @ expected.T, atol=1e-5)


def test_channels_keep_their_scales_when_the_weight_is_transposed() -> None:
    generator = np.random.default_rng(1)
    weight = generator.normal(size=(3, 5)).astype(np.float32)
    scale, zero = np.array([0.01, 0.02, 0.05], np.float32), np.zeros(3, np.int8)
    model = linear_graph(weight, scale, zero, axis=0)
    x = generator.normal(size=(4, 5)).astype(np.float32)
    before = run(model, x)
    graph = folded(model)
    assert graph.array(f"{WEIGHT}_quantized").shape == (5, 3)
    np.testing.assert_allclose(run(graph.model, x), before, atol=1e-5)
    (figures,) = matrix_sparsity(graph.model, {WEIGHT: weight})
    assert figures.shape == (3, 5)


def test_rounding_multiplies_by_the_inverse_as_torch_does() -> None:
    """Where dividing by the scale and multiplying by its inverse fall on different integers, torch's is stored."""
    scale = np.float32(1.7) / np.float32(127.5)
    steps = np.arange(-127, 128, dtype=np.float32) + np.float32(0.5)
    values = np.concatenate([np.nextafter(steps * scale, side).astype(np.float32) for side in (np.inf, -np.inf, 0)])
    found = quantize_as_torch(values, np.array(scale), np.array(0, np.int8))
    inverse = np.float32(1) / scale
    torch_way = np.clip(np.rint(values * inverse), -128, 127).astype(np.int8)
    divided = np.clip(np.rint(values / scale), -128, 127).astype(np.int8)
    assert (torch_way != divided).any()
    np.testing.assert_array_equal(found, torch_way)


def test_weights_that_stay_in_float_become_the_integers_of_torch() -> None:
    weight = -np.random.default_rng(5).uniform(0.1, 3, size=(40, 5)).astype(np.float32)
    scale = (np.abs(weight).max(1) / 127.5).astype(np.float32)
    zero_point = np.zeros(40, np.int8)
    model = linear_graph(weight, scale, zero_point, axis=0)
    x = np.eye(5, dtype=np.float32)
    expected = quantize_as_torch(weight, scale, zero_point).T * scale
    assert (np.abs(run(model, x) - expected) > 1e-3).any()
    graph = Graph(model)
    fold_identities(graph)
    round_weights(graph)
    np.testing.assert_allclose(run(graph.model, x), expected, atol=1e-6)


def test_zeros_of_the_checkpoint_are_counted_and_guarded() -> None:
    weight = np.where(np.arange(60).reshape(6, 10) % 5 == 0, 0.5, 0.0).astype(np.float32)
    graph = folded(linear_graph(weight, np.array(0.004, np.float32), np.array(0, np.int8)))
    (figures,) = matrix_sparsity(graph.model, {WEIGHT: weight})
    assert (figures.checkpoint_zeros, figures.zeros, figures.dtype) == (48, 48, "int8")
    assert overall([figures]) == pytest.approx(0.8)
    weight[0, 0] = 0.0
    with pytest.raises(ExportError, match=r"1 zeros of encoder.dense.weight are not zero"):
        matrix_sparsity(graph.model, {WEIGHT: weight})


def test_a_zero_point_other_than_zero_counts_as_zero() -> None:
    weight = np.zeros((2, 4), np.float32)
    weight[0] = 0.3
    graph = folded(linear_graph(weight, np.array(0.01, np.float32), np.array(128, np.uint8)))
    (figures,) = matrix_sparsity(graph.model, {WEIGHT: weight})
    assert (figures.zeros, figures.dtype) == (4, "uint8")
    assert overall([]) is None


def shared_graph(weight: np.ndarray, scale: np.ndarray) -> onnx.ModelProto:
    """y = (x W') W', a square weight [out, in] that is rounded for each of two calls, as the exporter writes it."""
    nodes: list[onnx.NodeProto] = []
    for call, (source, result) in {"": ("x", "h"), "_1": ("h", "y")}.items():
        quantizer = f"{SCOPE}/weight_fake_quant{call}"
        nodes += [
            helper.make_node("QuantizeLinear", ["w", "s", "z"], [f"q{call}"], f"{quantizer}/QuantizeLinear", axis=0),
            helper.make_node(
                "DequantizeLinear", [f"q{call}", "s", "z"], [f"d{call}"], f"{quantizer}/DequantizeLinear", axis=0
            ),
            helper.make_node("Transpose", [f"d{call}"], [f"t{call}"], f"{SCOPE}{call}/Transpose", perm=[1, 0]),
            helper.make_node("MatMul", [source, f"t{call}"], [result], f"{SCOPE}{call}/MatMul"),
        ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", len(weight)]) for name in ("x", "y")]
    zero_point = np.zeros(scale.shape, np.int8)
    stored = [numpy_helper.from_array(item, name) for item, name in ((weight, "w"), (scale, "s"), (zero_point, "z"))]
    graph = helper.make_graph(nodes, "shared", ends[:1], ends[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("scale", [np.array(0.02, np.float32), np.array([0.01, 0.02, 0.03, 0.04], np.float32)])
def test_a_weight_that_is_called_twice_is_stored_once(scale: np.ndarray) -> None:
    weight = np.random.default_rng(2).normal(size=(4, 4)).astype(np.float32)
    model = shared_graph(weight, scale)
    x = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
    before = run(model, x)
    graph = folded(model)
    assert [name for name, item in graph.initializers.items() if len(item.dims) == 2] == [f"{WEIGHT}_quantized"]
    # uint8: int8 weights are turned into it on some processors, which fails where one is read twice.
    assert graph.array(f"{WEIGHT}_quantized").dtype == np.uint8
    np.testing.assert_allclose(run(graph.model, x), before, atol=1e-5)
    weight[0] = 0.0
    (figures,) = matrix_sparsity(folded(shared_graph(weight, scale)).model, {WEIGHT: weight})
    assert figures.zeros >= figures.checkpoint_zeros == 4


def test_a_table_with_a_scale_for_each_row_is_looked_up_as_integers() -> None:
    generator = np.random.default_rng(4)
    table = generator.normal(size=(6, 3)).astype(np.float32)
    scale = np.linspace(0.01, 0.05, 6, dtype=np.float32)
    zero_point = np.array([0, -5, 7, 0, 1, -128], np.int8)
    name = "embeddings.words.weight"
    quantizer = "/model/embeddings/words/weight_fake_quant"
    nodes = [
        helper.make_node("QuantizeLinear", ["w", "s", "z"], ["q"], f"{quantizer}/QuantizeLinear", axis=0),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], f"{quantizer}/DequantizeLinear", axis=0),
        helper.make_node("Gather", ["d", "x"], ["y"], "/model/embeddings/words/Gather"),
    ]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.INT64, ["n", "m"]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "m", 3]),
    ]
    stored = [numpy_helper.from_array(item, key) for item, key in ((table, "w"), (scale, "s"), (zero_point, "z"))]
    graph = Graph(
        helper.make_model(
            helper.make_graph(nodes, "table", ends[:1], ends[1:], stored),
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=8,
        )
    )
    indices = np.array([[5, 0, 1], [2, 4, 3]], np.int64)
    before = run(graph.model, indices)
    assert fold_weights(graph, [name]) == 1
    onnx.checker.check_model(graph.model)
    assert "DequantizeLinear" not in {node.op_type for node in graph.model.graph.node}
    assert graph.array(f"{name}_quantized").dtype == np.int8
    assert "w" not in graph.initializers
    np.testing.assert_array_equal(run(graph.model, indices), before)
