"""``sqa-tui eval``: exact match and F1 of a model folder, a deployment folder, or a file of predictions.

A file of predictions is scored with the standard library alone, in a moment; a model needs torch, a deployment folder
ONNX Runtime.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.command_line import Parser
from engine.errors import UserError, plain, run_program
from engine.question_answering.arguments import DataTrainingArguments, ModelArguments
from engine.question_answering.data import read_examples, read_text
from engine.question_answering.flags import flag_type, known_fields
from engine.question_answering.metrics import squad_v1, squad_v2
from engine.zoo import fetch, missing

_DATA_FLAGS = (
    "dataset_name",
    "dataset_config_name",
    "validation_file",
    "max_seq_length",
    "doc_stride",
    "n_best_size",
    "max_answer_length",
    "null_score_diff_threshold",
    "max_eval_samples",
)
_MODEL_FLAGS = ("tokenizer_name", "cache_dir", "model_revision")
_BATCH = 16


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; exit code 2 for bad input."""
    return run_program(lambda: _evaluate(build_parser().parse_args(argv)))


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    about = "Exact match and F1 on a question-answering dataset."
    parser = Parser(prog="sqa-tui eval", description=about, allow_abbrev=False)
    parser.add_argument("model", nargs="?", help="model folder, deployment folder, zoo: stub or hub id")

    def flag(name: str, **settings: Any) -> None:
        spellings = dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
        parser.add_argument(*spellings, dest=name, **settings)

    for name in (*_DATA_FLAGS, *_MODEL_FLAGS):
        described = known_fields()[name]
        flag(name, type=flag_type(name), default=described.default, help=described.metadata["help"])
    flag("version_2_with_negative", action="store_true", help="some questions have no answer (SQuAD 2.0)")
    flag("model_name_or_path", help="the same as MODEL")
    flag("predictions_file", help="score these answers ({id: text} as JSON, also .gz) instead of a model's")
    flag("null_odds_file", help="with --predictions_file: {id: score of no answer}, for the best_* figures")
    flag("per_device_eval_batch_size", type=int, default=_BATCH, help=f"windows in a batch (default {_BATCH})")
    flag("use_cpu", action="store_true", help="use the CPU even where there is a GPU")
    flag("output_dir", help="write predictions, n-best lists and results into this folder")
    flag("json", action="store_true", help="print one JSON object")
    return parser


def _evaluate(options: argparse.Namespace) -> int:
    model = options.model or options.model_name_or_path
    if options.predictions_file:
        result = _score_file(options)
    elif model:
        result = _score_model(model, options)
    else:
        raise UserError("nothing to evaluate", "name a model folder, or give --predictions_file")
    print(json.dumps(result) if options.json else _table(result))
    return 0


def _score_file(options: argparse.Namespace) -> dict[str, Any]:
    if not options.validation_file:
        raise UserError("no questions to score on", "give --validation_file")
    version_2 = options.version_2_with_negative
    examples = read_examples(options.validation_file, "evaluate", version_2=version_2).first(options.max_eval_samples)
    _say_all(examples.notes)
    answers = _answers(options.predictions_file)
    references = examples.references()
    missing = sum(key not in answers for key, texts in references.items() if texts or version_2)
    if missing == len(references):
        raise UserError(
            f"{options.predictions_file} has no answer to any question of {options.validation_file}",
            "it maps question ids to texts; do both belong together?",
        )
    if missing:
        _say(f"{missing} questions have no prediction; they count 0")
    if not version_2:
        return squad_v1(references, answers)
    odds = _json_object(options.null_odds_file) if options.null_odds_file else None
    return squad_v2(references, answers, odds)


def _answers(path: str) -> Mapping[str, str]:
    answers = _json_object(path)
    wrong = next((key for key, value in answers.items() if not isinstance(value, str)), None)
    if wrong is not None:
        raise UserError(f"{path}: the answer to {plain(wrong, 60)} is not text", "expected {question id: answer text}")
    return answers


def _json_object(path: str) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise UserError(f"{path}: broken JSON: {error}", "expected {question id: value}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a JSON object", "expected {question id: value}")
    return content


def _score_model(model: str, options: argparse.Namespace) -> dict[str, Any]:
    from engine.question_answering.scoring import Scored, score_model

    data = DataTrainingArguments(
        **{name: getattr(options, name) for name in _DATA_FLAGS},
        version_2_with_negative=options.version_2_with_negative,
    )
    source = ModelArguments(model, **{name: getattr(options, name) for name in _MODEL_FLAGS})
    if options.model_revision == known_fields()["model_revision"].default and not options.cache_dir:
        _fetch(model)
    began = time.monotonic()
    scored: Scored = score_model(
        source,
        data,
        batch_size=options.per_device_eval_batch_size,
        use_cpu=options.use_cpu,
        say=_say,
        on_batch=_progress(sys.stderr.isatty() and not options.json),
    )
    result = {**scored.scores, "windows": scored.windows, "engine": scored.engine}
    result["seconds"] = round(time.monotonic() - began, 3)
    if options.output_dir:
        folder = Path(options.output_dir).expanduser()
        scored.predictions.write(folder, "eval")
        (folder / "eval_results.json").write_text(json.dumps(result, indent=4) + "\n", encoding="utf-8")
    return result


def _fetch(model: str) -> None:
    """Get a model that is not here from the source that has it; a source that does not answer is one line, and soon."""
    absent = missing(model, "model")
    if absent is not None:
        _say(f"fetching {absent.name} from {absent.source}")
        fetch(absent.name, absent.part)


def _progress(wanted: bool) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        print(f"\r{done} of {total} windows", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return report if wanted else lambda done, total: None


def _say_all(notes: Sequence[str]) -> None:
    for note in notes:
        _say(note)


def _say(note: str) -> None:
    print(f"note: {plain(note)}", file=sys.stderr)


def _table(result: Mapping[str, Any]) -> str:
    width = max(len(name) for name in result)
    return "\n".join(
        f"{name:<{width}}  {value:.3f}" if isinstance(value, float) else f"{name:<{width}}  {value}"
        for name, value in result.items()
    )


if __name__ == "__main__":
    sys.exit(main())
