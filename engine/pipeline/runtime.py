"""An ONNX question-answering model in ONNX Runtime."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnxruntime

from engine.errors import UserError, plain

_Array = np.ndarray
SILENT = 4
OUTPUTS = ("start_logits", "end_logits")
PADDING_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def available_threads() -> int:
    """How many threads a model may use: `OMP_NUM_THREADS`, or the processors this process may run on."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return processors()


def processors() -> int:
    """How many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count(wanted: int | None) -> int:
    """The threads to use: as many as `wanted` (default: `available_threads`), but no more than processors.

    Raises `UserError` for what is no whole number from 1 on: the runtime would take 0 for "choose", and with
    thousands of threads no machine answers any more.
    """
    if wanted is None:
        return available_threads()
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
        raise UserError(f"threads: {plain(str(wanted), 40)}", f"give 1 to {processors()}")
    return min(wanted, processors())


def open_session(path: Path, *, threads: int | None = None, optimise: bool = True) -> onnxruntime.InferenceSession:
    """A session on the CPU; `UserError` where ONNX Runtime cannot read the file."""
    threads = thread_count(threads)
    try:
        return _session(path, threads, optimise, exact=True)
    except Exception:
        # Files of other exporters may share zero points, which the exact products cannot be made of.
        try:
            return _session(path, threads, optimise, exact=False)
        except Exception as error:
            reason = plain(str(error), 200)
            raise UserError(f"{path} is not an ONNX model that can run: {reason}", "export the model again") from error


def _session(path: Path, threads: int, optimise: bool, exact: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # What goes wrong is raised as well; the log would only paint it on the terminal.
    options.log_severity_level = SILENT
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    # Quantised weights with float inputs: no quantization of the inputs that nobody trained.
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    if exact:
        # Without VNNI the fast product of uint8 and int8 saturates at 16 bits; this asks for the exact one.
        options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class OnnxModel:
    """Logits of an exported model; shapes that the file fixes are met by padding."""

    def __init__(self, path: Path, *, threads: int | None = None, optimise: bool = True) -> None:
        self.path = path
        self.session = open_session(path, threads=threads, optimise=optimise)
        self.input_names = [item.name for item in self.session.get_inputs()]
        self._check_names()
        first = self.session.get_inputs()[0].shape
        self.fixed_batch = first[0] if isinstance(first[0], int) else None
        self.fixed_length = first[1] if isinstance(first[1], int) else None

    def _check_names(self) -> None:
        outputs = {item.name for item in self.session.get_outputs()}
        unknown = [name for name in self.input_names if name not in PADDING_INPUTS]
        if unknown or not outputs.issuperset(OUTPUTS) or "input_ids" not in self.input_names:
            names = f"inputs {', '.join(self.input_names)}; outputs {', '.join(sorted(outputs))}"
            raise UserError(f"{self.path} is not a question-answering model: {plain(names)}", "export the model again")

    def run(self, inputs: dict[str, _Array]) -> tuple[_Array, _Array]:
        """Start and end logits, each float32 [batch, length], of int64 inputs [batch, length] by name."""
        batch, length = inputs["input_ids"].shape
        rows, columns = (self.fixed_batch or batch) - batch, (self.fixed_length or length) - length
        if rows < 0 or columns < 0:
            wanted = f"{self.fixed_batch or 'any'} x {self.fixed_length or 'any'}"
            raise UserError(f"{self.path} takes inputs of {wanted}, not {batch} x {length}", "use a shorter window")
        absent = np.zeros((batch, length), dtype=np.int64)
        feed = {name: np.pad(inputs.get(name, absent), ((0, rows), (0, columns))) for name in self.input_names}
        start, end = self.session.run(list(OUTPUTS), feed)
        return np.asarray(start)[:batch, :length], np.asarray(end)[:batch, :length]
