"""`python -m engine.pipeline DIR "question" --context TEXT`: ask an exported model from the command line."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from engine.command_line import Parser
from engine.errors import UserError, plain, run_program
from engine.pipeline.deployment import MODEL_FILE


def main(arguments: list[str] | None = None) -> int:
    """Run the program; the exit code is 2 for bad input."""
    return run_program(lambda: _ask(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="sqa-tui ask", description="Ask an exported model a question.")
    parser.add_argument("model_path", help="a deployment folder, the model folder that holds one, or a run")
    parser.add_argument("question", nargs="?", help="what to ask")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--context", help="the text that holds the answer")
    given.add_argument("--context-file", "--context_file", help="a UTF-8 file with that text")
    given.add_argument("--stdin", action="store_true", help="answer JSON lines from the standard input")
    parser.add_argument("--top-k", "--top_k", type=int, default=1, help="how many answers (default 1)")
    parser.add_argument("--doc-stride", "--doc_stride", type=int, default=128, help="tokens that windows share")
    parser.add_argument("--max-answer-length", "--max_answer_length", type=int, default=30, help="in tokens")
    parser.add_argument("--max-length", "--max_length", type=int, help="window in tokens (default 384 or less)")
    parser.add_argument("--threads", type=int, help="threads of the runtime (default: the processors at hand)")
    parser.add_argument("--onnx-file-name", "--onnx_file_name", default=MODEL_FILE, help="default model.onnx")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _ask(options: argparse.Namespace) -> int:
    # Loaded here so that --help and a wrong flag are answered at once.
    from engine.pipeline.pipeline import Pipeline
    from engine.pipeline.protocol import answer_as_dict, serve
    from engine.pipeline.runtime import processors

    context = None if options.stdin else _context(options)
    if options.threads is not None and options.threads > processors():
        print(f"note: --threads {options.threads}: {processors()} processors are at hand", file=sys.stderr)
    pipeline = Pipeline.create(
        model_path=options.model_path,
        onnx_file_name=options.onnx_file_name,
        max_length=options.max_length,
        threads=options.threads,
    )
    if context is None:
        serve(pipeline, sys.stdin.buffer, sys.stdout.buffer)
        return 0
    answer = pipeline.answer(
        options.question,
        context,
        top_k=options.top_k,
        doc_stride=options.doc_stride,
        max_answer_length=options.max_answer_length,
    )
    if options.json:
        print(json.dumps({"question": options.question, **answer_as_dict(answer)}))
        return 0
    for item in answer.candidates:
        print(f"{item.probability:7.4f}  {plain(item.text)}  [{item.start}:{item.end}]")
    return 0


def _context(options: argparse.Namespace) -> str:
    if not options.question:
        raise UserError("no question", 'run: sqa-tui ask DIR "question" --context TEXT')
    if options.context is not None:
        return options.context
    if options.context_file is None:
        raise UserError("no context to look for the answer in", "add --context TEXT or --context-file FILE")
    try:
        return Path(options.context_file).expanduser().read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read {options.context_file}: {error.strerror}", "name a text file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{options.context_file} is not UTF-8 text (byte {error.start})", "convert it") from error


if __name__ == "__main__":
    sys.exit(main())
