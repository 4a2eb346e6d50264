"""`python -m engine.export --model_path DIR --task question-answering`: export from the command line.

The flags are those of `sparseml.transformers.export_onnx`; each may be written with `_` or `-`.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import TYPE_CHECKING

from engine.command_line import Parser
from engine.errors import UserError, plain, run_program
from engine.pipeline.deployment import MODEL_FILE

if TYPE_CHECKING:
    from engine.export.evaluation import Evaluation

TASKS = ("question-answering", "qa")


def main(arguments: list[str] | None = None) -> int:
    """Run the program; exit codes are 1 where the exported file is wrong and 2 for bad input."""
    if threading.current_thread() is threading.main_thread():
        # A polite kill has to remove the half-written folder, as an interrupt does.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return run_program(lambda: _export(build_parser().parse_args(arguments)))


def build_parser() -> argparse.ArgumentParser:
    """The command line of the exporter."""
    about = "Export a model folder to ONNX and verify the result."
    parser = Parser(prog="sqa-tui export", description=about, allow_abbrev=False)

    def flag(name: str, **settings: object) -> None:
        spellings = dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
        parser.add_argument(*spellings, dest=name, **settings)  # pyright: ignore[reportArgumentType]

    flag("task", required=True, help="question-answering (or qa)")
    flag("model_path", required=True, help="the folder that training wrote; the result is its folder deployment")
    flag("sequence_length", type=int, help="longest input in tokens (default: what the model reads)")
    flag("no_convert_qat", action="store_true", help="keep float weights in a quantised graph, as torch writes them")
    flag("onnx_file_name", default=MODEL_FILE, help="default model.onnx")
    flag("opset", type=int, default=17, help="default 17")
    flag("trust_remote_code", action="store_true", help="accepted; code that comes with a model is not run")
    flag("validation_file", help="questions to score the exported file on")
    flag("dataset_name", help="a dataset to score the exported file on (facts is bundled)")
    flag("max_eval_samples", type=int, help="score on so many questions only")
    flag("data_args", help="further data arguments (max_seq_length, doc_stride, …) as JSON or a JSON file")
    flag("num_export_samples", type=int, default=0, help="save so many inputs and outputs as .npz files")
    flag("finetuning_task", help="accepted for compatibility; not used")
    flag("one_shot", help="not here: use sqa-tui train --one_shot, then export its output folder")
    flag("latency_runs", type=int, default=10, help="runs of the latency figure, 0 for none (default 10)")
    flag("json", action="store_true", help="print one JSON object")
    return parser


def _export(options: argparse.Namespace) -> int:
    if options.task.replace("_", "-") not in TASKS:
        raise UserError(f"unknown task {plain(options.task)!r}", f"this exporter knows {TASKS[0]}")
    if options.one_shot:
        raise UserError(
            "--one_shot: the exporter changes no model", "run sqa-tui train --one_shot, then export the result"
        )
    # Loaded here so that --help and a wrong flag are answered at once.
    import msgspec
    from transformers.utils import logging

    from engine.export.export import export_model
    from engine.export.summary import summary

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    report = export_model(
        options.model_path,
        sequence_length=options.sequence_length,
        opset=options.opset,
        onnx_file_name=options.onnx_file_name,
        convert_qat=not options.no_convert_qat,
        latency_runs=options.latency_runs,
        evaluation=_evaluation(options),
    )
    print(msgspec.json.encode(report).decode() if options.json else summary(report))
    return 0


def _evaluation(options: argparse.Namespace) -> Evaluation | None:
    """What to try the file on; None where no questions are named."""
    from engine.export.evaluation import Evaluation, data_arguments

    named = {name: getattr(options, name) for name in ("validation_file", "dataset_name", "max_eval_samples")}
    data = data_arguments(options.data_args, named)
    if options.num_export_samples > 0 and data.validation_file is None and data.dataset_name is None:
        raise UserError(
            "--num_export_samples: no questions to take samples of", "add --validation_file or --dataset_name"
        )
    score = bool(options.validation_file or options.dataset_name)
    return Evaluation(
        data, score, options.num_export_samples, lambda note: print(f"note: {plain(note)}", file=sys.stderr)
    )


if __name__ == "__main__":
    sys.exit(main())
