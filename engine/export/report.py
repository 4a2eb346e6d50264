"""What an export did and what was measured on the way; written to `sqa.json` and printed."""

from __future__ import annotations

import msgspec


class ExportError(Exception):
    """The exported file is not what the model is: it was thrown away. The message has the figure."""


class ParityFigure(msgspec.Struct, frozen=True, kw_only=True):
    """Logits of ONNX Runtime against torch for one input of `batch` x `length` tokens.

    Differences are absolute, `high_difference` is their 99 % quantile; `rounding_mean` and `rounding_high` are the
    same figures for torch with and without rounding (0 in a float model); `spread` is the standard deviation of torch's
    logits; `argmax_agreement` is the share of rows (start and end each) whose largest logit is at the same token;
    `optimised` says whether the runtime's graph optimisations were on.
    """

    batch: int
    length: int
    padded: bool
    optimised: bool
    max_difference: float
    mean_difference: float
    high_difference: float
    rounding_mean: float
    rounding_high: float
    spread: float
    argmax_agreement: float


class MatrixSparsity(msgspec.Struct, frozen=True, kw_only=True):
    """Zeros of one weight matrix: in the checkpoint, and in the exported file (zero points where it is quantised)."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    checkpoint_zeros: int
    zeros: int
    sparsity: float


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Median and smallest time of `runs` runs of one input of `batch` x `length` tokens, in milliseconds."""

    batch: int
    length: int
    runs: int
    threads: int
    median_ms: float
    best_ms: float


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Exact match and F1 in percent over `samples` questions (None where the source does not say)."""

    exact_match: float
    f1: float
    samples: int | None = None


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one exported model. `sparsity` is over the pruned matrices, None where none is pruned.

    `difference` and `tolerance` are those of the input that came nearest to failing: of the logit that differs most in
    a float model, of 99 % of the logits in a quantised one. `max_difference` is the largest of any logit.
    """

    task: str = "question-answering"
    model_path: str
    path: str
    onnx_file: str
    model_type: str
    architecture: str
    run: str | None
    size_bytes: int
    checkpoint_bytes: int
    opset: int
    sequence_length: int
    inputs: list[str]
    quantised: bool
    quantised_matrices: int
    sparsity: float | None
    matrices: list[MatrixSparsity]
    difference: float
    tolerance: float
    max_difference: float
    parity: list[ParityFigure]
    torch_quality: Quality | None
    onnx_quality: Quality | None
    latency: Latency | None
    seconds: float
    created: float
    versions: dict[str, str]
