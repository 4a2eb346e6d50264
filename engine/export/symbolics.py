"""How trained quantizers are written to ONNX, also those of less than eight bits, which the exporter itself refuses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.onnx import symbolic_helper, utils

SMALLEST_OPSET = 13


@contextlib.contextmanager
def fake_quantization(opset: int) -> Iterator[None]:
    """While active, fake quantization becomes QuantizeLinear, Clip (for less than 8 bits) and DequantizeLinear, with an
    axis where every channel has a scale."""
    if opset < SMALLEST_OPSET:
        yield
        return
    operators = {"per_tensor": _per_tensor, "per_channel": _per_channel}
    for kind, symbolic in operators.items():
        utils.register_custom_op_symbolic(f"aten::fake_quantize_{kind}_affine", symbolic, opset)
    try:
        yield
    finally:
        for kind in operators:
            utils.unregister_custom_op_symbolic(f"aten::fake_quantize_{kind}_affine", opset)


def _per_tensor(g: Any, inputs: Any, scale: Any, zero_point: Any, quant_min: Any, quant_max: Any) -> Any:
    return _rounded(g, inputs, scale, zero_point, (quant_min, quant_max), {})


def _per_channel(g: Any, inputs: Any, scale: Any, zero_point: Any, axis: Any, quant_min: Any, quant_max: Any) -> Any:
    attributes = {"axis_i": symbolic_helper._maybe_get_const(axis, "i")}
    return _rounded(g, inputs, scale, zero_point, (quant_min, quant_max), attributes)


def _rounded(
    g: Any, inputs: Any, scale: Any, zero_point: Any, ends: tuple[Any, Any], attributes: dict[str, Any]
) -> Any:
    bounds: list[Any] = [symbolic_helper._maybe_get_const(value, "i") for value in ends]
    low, high = map(int, bounds)
    dtype = torch.int8 if low < 0 else torch.uint8
    zero = g.op("Cast", zero_point, to_i=symbolic_helper.cast_pytorch_to_onnx["Char" if low < 0 else "Byte"])
    step = g.op("Cast", scale, to_i=symbolic_helper.cast_pytorch_to_onnx["Float"])
    rounded = g.op("QuantizeLinear", inputs, step, zero, **attributes)
    limits = torch.iinfo(dtype)
    if (low, high) != (limits.min, limits.max):
        constants = [g.op("Constant", value_t=torch.tensor(value, dtype=dtype)) for value in (low, high)]
        rounded = g.op("Clip", rounded, *constants)
    return g.op("DequantizeLinear", rounded, step, zero, **attributes)
