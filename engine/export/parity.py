"""Does the exported file say what torch says? Measured at shapes other than the traced one.

A float model has to agree to `DENSE_TOLERANCE` times the spread of its logits (or as such, where the spread is below
one): what remains is the order of additions.

In a quantised model a value that lies on the edge between two integers may round differently, and every such flip makes
others flip behind it. So two exact programs agree to the last digit on one input and differ by a part of the rounding
itself on the next: multiplying one layer norm by 1 + 1e-6 moves torch's own logits as far. The measure is therefore
what rounding does at all, on the same input: torch's logits with rounding against those without. The mean difference
may be `FLIPS` of that; the 99 % quantile, which few tokens decide, may be as large as rounding's own (a model that was
hardly trained, and rounds as coarsely as it speaks, comes near it).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.export.report import ExportError, ParityFigure
from engine.pipeline.runtime import OnnxModel
from engine.sparsify.quantization.fake_quantizer import FakeQuantizer

_Array = np.ndarray
DENSE_TOLERANCE = 1e-4
FLIPS, HIGH_FLIPS = 0.5, 1.0
QUANTILE = 0.99


def traced_length(sequence_length: int) -> int:
    """The length to trace with: not one that `check_shapes` looks at."""
    return max(2, min(64, sequence_length // 2))


def check_shapes(sequence_length: int) -> list[tuple[int, int, bool]]:
    """Batch, length and padding of the inputs that are compared."""
    odd = min(37, sequence_length)
    return [(1, sequence_length, False), (2, odd, False), (3, sequence_length, True)]


def make_inputs(
    names: Iterable[str], shape: tuple[int, int], vocabulary: int, padded: bool, seed: int
) -> dict[str, _Array]:
    """Random token ids with a question part and a context part; `padded` gives every row another length."""
    generator = np.random.default_rng(seed)
    batch, length = shape
    lengths = np.linspace(max(2, length // 3), length, batch).astype(int) if padded else np.full(batch, length)
    mask = (np.arange(length)[None] < lengths[:, None]).astype(np.int64)
    ids = generator.integers(0, vocabulary, size=shape, dtype=np.int64) * mask
    types = (np.arange(length)[None] >= np.maximum(lengths // 4, 1)[:, None]).astype(np.int64) * mask
    values = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
    return {name: values[name] for name in names}


def torch_logits(model: nn.Module, inputs: dict[str, _Array]) -> tuple[_Array, _Array]:
    """Start and end logits of the torch model in evaluation mode."""
    model.eval()
    with torch.no_grad():
        result = model(**{name: torch.from_numpy(values) for name, values in inputs.items()}, return_dict=True)
    return result.start_logits.float().numpy(), result.end_logits.float().numpy()


def measure(
    model: nn.Module, path: Path, names: list[str], sequence_length: int, vocabulary: int
) -> list[ParityFigure]:
    """Figures at every shape of `check_shapes`, with the runtime's graph optimisations off and on."""
    figures: list[ParityFigure] = []
    runtimes = [(optimised, OnnxModel(path, optimise=optimised)) for optimised in (False, True)]
    for seed, (batch, length, padded) in enumerate(check_shapes(sequence_length)):
        inputs = make_inputs(names, (batch, length), vocabulary, padded, seed)
        mask = inputs["attention_mask"].astype(bool)
        expected = torch_logits(model, inputs)
        with unrounded(model):
            rounding = differences(expected, torch_logits(model, inputs), mask)
        for optimised, runtime in runtimes:
            figures.append(compare(expected, runtime.run(inputs), mask, padded, optimised, rounding))
    return figures


@contextlib.contextmanager
def unrounded(model: nn.Module) -> Iterator[None]:
    """While active, the model's quantizers pass their tensors on as they are."""
    rounding = [module for module in model.modules() if isinstance(module, FakeQuantizer) and module.rounding]
    for quantizer in rounding:
        quantizer.rounding = False
    try:
        yield
    finally:
        for quantizer in rounding:
            quantizer.rounding = True


def differences(expected: tuple[_Array, _Array], found: tuple[_Array, _Array], mask: _Array) -> _Array:
    """Absolute differences of logits at the tokens where `mask` [batch, length] is true, in one row."""
    return np.concatenate([np.abs(a - b)[mask] for a, b in zip(expected, found, strict=True)])


def compare(
    expected: tuple[_Array, _Array],
    found: tuple[_Array, _Array],
    mask: _Array,
    padded: bool,
    optimised: bool,
    rounding: _Array,
) -> ParityFigure:
    """The figures of one input; `rounding` are the differences that rounding makes in torch (see `differences`)."""
    difference = differences(expected, found, mask)
    spread = float(np.std(np.concatenate([values[mask] for values in expected])))
    same = [_best(a, mask) == _best(b, mask) for a, b in zip(expected, found, strict=True)]
    finite = np.isfinite(difference).all()
    return ParityFigure(
        batch=mask.shape[0],
        length=mask.shape[1],
        padded=padded,
        optimised=optimised,
        max_difference=float(difference.max()) if finite else float("inf"),
        mean_difference=float(difference.mean()) if finite else float("inf"),
        high_difference=float(np.quantile(difference, QUANTILE)) if finite else float("inf"),
        rounding_mean=float(rounding.mean()),
        rounding_high=float(np.quantile(rounding, QUANTILE)),
        spread=spread,
        argmax_agreement=float(np.mean(same)),
    )


def _best(logits: _Array, mask: _Array) -> _Array:
    return np.argmax(np.where(mask, logits, -np.inf), axis=1)


def judged(figure: ParityFigure, quantised: bool) -> tuple[float, float]:
    """The difference that decides, and the largest it may be: any logit's, or 99 % of the logits' when quantised."""
    dense = DENSE_TOLERANCE * max(1.0, figure.spread)
    if not quantised:
        return figure.max_difference, dense
    return figure.high_difference, max(HIGH_FLIPS * figure.rounding_high, dense)


def check(figures: list[ParityFigure], quantised: bool) -> None:
    """Raise `ExportError` with the figure where ONNX Runtime and torch differ by more than the tolerance."""
    for figure in figures:
        for kind, found, allowed in _judged(figure, quantised):
            # Written so that a difference that is not a number fails as well.
            if not found <= allowed:
                place = f"{figure.batch}x{figure.length}, optimisations {'on' if figure.optimised else 'off'}"
                raise ExportError(
                    f"the ONNX file differs from torch: {kind} difference {found:.4g} at {place} "
                    f"is beyond the tolerance {allowed:.4g}; nothing was exported"
                )


def _judged(figure: ParityFigure, quantised: bool) -> list[tuple[str, float, float]]:
    difference, allowed = judged(figure, quantised)
    if not quantised:
        return [("largest", difference, allowed)]
    mean = max(FLIPS * figure.rounding_mean, DENSE_TOLERANCE * max(1.0, figure.spread))
    return [("mean", figure.mean_difference, mean), ("99 % quantile of the", difference, allowed)]
