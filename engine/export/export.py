"""`export_model`: trace, fold, verify, deploy."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from torch import nn

import engine
from engine.errors import UserError
from engine.export import deployment, latency, parity, provenance, sparsity
from engine.export.evaluation import Evaluation
from engine.export.graph import Graph, drop_needless_casts, fold_identities
from engine.export.load import input_names, load_model, longest_input
from engine.export.names import name_matrices
from engine.export.quantised import fold_weights, make_constants_unsigned, round_weights, separate_zero_points
from engine.export.report import ExportReport
from engine.export.trace import trace
from engine.pipeline.deployment import FOLDER, MODEL_FILE

SMALLEST_OPSET = 14
LARGEST_OPSET = 20
TIMED_LENGTH = 128


@dataclass(frozen=True)
class Exported:
    """The graph in memory and how many of its weights are stored as integers."""

    graph: onnx.ModelProto
    names: list[str]
    quantised: bool
    folded: int


def export_model(
    model_path: str | Path,
    *,
    sequence_length: int | None = None,
    opset: int = 17,
    onnx_file_name: str = MODEL_FILE,
    convert_qat: bool = True,
    latency_runs: int = 10,
    evaluation: Evaluation | None = None,
) -> ExportReport:
    """Write `<model_path>/deployment` and return what was measured.

    `sequence_length` is the longest input in tokens (default: what the model reads); batch and sequence stay open in
    the file. `convert_qat=False` keeps weights in float, rounded, behind QuantizeLinear nodes, as torch writes them.
    `evaluation` names questions to score the file on. Raises `UserError` for a folder that cannot be exported and
    `ExportError` where the file does not say what torch says; the folder is then as it was before.
    """
    begun = time.perf_counter()
    folder = Path(model_path).expanduser()
    _check_arguments(opset, onnx_file_name)
    model = load_model(folder)
    length = _sequence_length(model, sequence_length)
    with deployment.staged(folder / FOLDER) as staging:
        path = staging / onnx_file_name
        exported = build_graph(model, length, opset, path, convert_qat=convert_qat)
        facts = verify(model, exported, path, length)
        deployment.write_companions(folder, staging, length)
        measured = _measure(exported, path, length, model.config.vocab_size, latency_runs, evaluation)
        report = ExportReport(
            model_path=str(folder),
            path=str(folder / FOLDER),
            onnx_file=onnx_file_name,
            model_type=model.config.model_type,
            architecture=type(model).__name__,
            run=provenance.run_of(folder),
            size_bytes=path.stat().st_size,
            checkpoint_bytes=provenance.weight_bytes(folder),
            opset=opset,
            sequence_length=length,
            inputs=exported.names,
            quantised=exported.quantised,
            quantised_matrices=exported.folded,
            torch_quality=provenance.torch_quality(folder),
            seconds=time.perf_counter() - begun,
            created=time.time(),
            versions=provenance.versions(),
            **facts,
            **measured,
        )
        deployment.write_about(report, staging)
    return report


def verify(model: nn.Module, exported: Exported, path: Path, length: int) -> dict[str, Any]:
    """Parity and sparsity of the file at `path`, as fields of the report; `ExportError` where either is lost."""
    vocabulary = int(model.get_input_embeddings().num_embeddings)  # pyright: ignore[reportCallIssue]
    figures = parity.measure(model, path, exported.names, length, vocabulary)
    parity.check(figures, exported.quantised)
    decisive = [parity.judged(figure, exported.quantised) for figure in figures]
    difference, tolerance = max(decisive, key=lambda pair: pair[0] / pair[1])
    matrices = sparsity.matrix_sparsity(exported.graph, linear_weights(model))
    return {
        "sparsity": sparsity.overall(matrices),
        "matrices": matrices,
        "difference": difference,
        "tolerance": tolerance,
        "max_difference": max(figure.max_difference for figure in figures),
        "parity": figures,
    }


def _measure(
    exported: Exported, path: Path, length: int, vocabulary: int, runs: int, evaluation: Evaluation | None
) -> dict[str, Any]:
    """Time and quality of the file at `path`, as fields of the report."""
    timed = latency.measure_latency(path, exported.names, min(length, TIMED_LENGTH), vocabulary, runs)
    quality = evaluation.run(path, length) if evaluation is not None else None
    return {"latency": timed, "onnx_quality": quality}


def build_graph(model: nn.Module, length: int, opset: int, path: Path, *, convert_qat: bool = True) -> Exported:
    """Trace `model` for inputs up to `length` tokens, store weights as they were trained, and write `path`."""
    names = input_names(model)
    graph = Graph(trace(model, names, parity.traced_length(length), opset))
    fold_identities(graph)
    drop_needless_casts(graph)
    quantised = any(node.op_type == "QuantizeLinear" for node in graph.model.graph.node)
    parameters = [name for name, _ in model.named_parameters()]
    folded = fold_weights(graph, parameters) if convert_qat else 0
    if not convert_qat:
        round_weights(graph)
        separate_zero_points(graph)
        make_constants_unsigned(graph)
    name_matrices(graph, linear_weights(model))
    graph.model.producer_name, graph.model.producer_version = "sqa-tui", engine.__version__
    onnx.checker.check_model(graph.model)
    onnx.save(graph.model, str(path))
    return Exported(graph.model, names, quantised, folded)


def linear_weights(model: nn.Module) -> dict[str, np.ndarray]:
    """Weights [out, in] of the linear layers, by parameter name."""
    named = [(f"{name}.weight", module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return {name: module.weight.detach().numpy() for name, module in named}


def _sequence_length(model: Any, wanted: int | None) -> int:
    longest = longest_input(model.config)
    if wanted is None and longest is None:
        raise UserError("the model's configuration does not say how long its input may be", "add --sequence_length N")
    if wanted is not None and (wanted < 8 or (longest is not None and wanted > longest)):
        raise UserError(f"sequence_length is {wanted}", f"this model reads 8 to {longest or 'any number of'} tokens")
    return int(wanted or longest or 0)


def _check_arguments(opset: int, onnx_file_name: str) -> None:
    if not SMALLEST_OPSET <= opset <= LARGEST_OPSET:
        raise UserError(f"opset is {opset}", f"give {SMALLEST_OPSET} to {LARGEST_OPSET}")
    if Path(onnx_file_name).name != onnx_file_name or not onnx_file_name.endswith(".onnx"):
        raise UserError(
            f"onnx_file_name is {onnx_file_name!r}", "give a file name that ends in .onnx, without a folder"
        )
