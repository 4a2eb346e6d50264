"""How trained quantizers are written to ONNX, also those of less than eight bits, which the exporter itself refuses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.onnx import symbolic_helper, utils

OPERATOR = "aten::fake_quantize_per_tensor_affine"
SMALLEST_OPSET = 13


@contextlib.contextmanager
def fake_quantization(opset: int) -> Iterator[None]:
    """While active, fake quantization becomes QuantizeLinear, Clip (for less than 8 bits) and DequantizeLinear."""
    if opset < SMALLEST_OPSET:
        yield
        return
    utils.register_custom_op_symbolic(OPERATOR, _per_tensor, opset)
    try:
        yield
    finally:
        utils.unregister_custom_op_symbolic(OPERATOR, opset)


def _per_tensor(g: Any, inputs: Any, scale: Any, zero_point: Any, quant_min: Any, quant_max: Any) -> Any:
    bounds: list[Any] = [symbolic_helper._maybe_get_const(value, "i") for value in (quant_min, quant_max)]
    low, high = map(int, bounds)
    dtype = torch.int8 if low < 0 else torch.uint8
    zero = g.op("Cast", zero_point, to_i=symbolic_helper.cast_pytorch_to_onnx["Char" if low < 0 else "Byte"])
    step = g.op("Cast", scale, to_i=symbolic_helper.cast_pytorch_to_onnx["Float"])
    rounded = g.op("QuantizeLinear", inputs, step, zero)
    limits = torch.iinfo(dtype)
    if (low, high) != (limits.min, limits.max):
        ends = [g.op("Constant", value_t=torch.tensor(value, dtype=dtype)) for value in (low, high)]
        rounded = g.op("Clip", rounded, *ends)
    return g.op("DequantizeLinear", rounded, step, zero)
