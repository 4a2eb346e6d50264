"""An export report for people."""

from __future__ import annotations

from collections.abc import Iterator

from engine.export.report import ExportReport, ParityFigure


def summary(report: ExportReport) -> str:
    """The figures of an export, a line each."""
    return "\n".join(_lines(report))


def _lines(report: ExportReport) -> Iterator[str]:
    kind = f"int8 weights in {report.quantised_matrices} tensors" if report.quantised else "float32"
    yield f"exported  {report.path}/{report.onnx_file}"
    yield f"model     {report.architecture}, {kind}, opset {report.opset}, up to {report.sequence_length} tokens"
    yield f"size      {_megabytes(report.size_bytes)} (checkpoint {_megabytes(report.checkpoint_bytes)})"
    if report.sparsity is not None:
        pruned = [item for item in report.matrices if item.checkpoint_zeros]
        lowest = min(item.sparsity for item in pruned)
        yield f"sparsity  {report.sparsity:.2%} over {len(pruned)} matrices, lowest {lowest:.2%}"
    for figure in report.parity:
        yield f"parity    {_parity(figure)}"
    kind = "99 % of the logits differ by at most" if report.quantised else "the logits differ by at most"
    yield f"checked   {kind} {report.difference:.2e} from torch's (allowed {report.tolerance:.2e})"
    if report.torch_quality is not None:
        yield f"torch     EM {report.torch_quality.exact_match:.2f}  F1 {report.torch_quality.f1:.2f}"
    if report.onnx_quality is not None:
        quality = report.onnx_quality
        yield f"onnx      EM {quality.exact_match:.2f}  F1 {quality.f1:.2f} over {quality.samples} questions"
    if report.latency is not None:
        timed = report.latency
        shape = f"{timed.batch}x{timed.length} tokens, {timed.threads} threads, median of {timed.runs}"
        yield f"latency   {timed.median_ms:.2f} ms ({shape})"


def _parity(figure: ParityFigure) -> str:
    shape = f"{figure.batch}x{figure.length}{' padded' if figure.padded else ''}"
    state = f"optimisations {'on' if figure.optimised else 'off'}"
    differences = f"largest {figure.max_difference:.2e}, mean {figure.mean_difference:.2e}, spread {figure.spread:.2f}"
    return f"{shape}, {state}: {differences}, same best token {figure.argmax_agreement:.0%}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"
