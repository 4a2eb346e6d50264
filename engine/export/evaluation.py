"""The exported model on real questions: its score, and samples of its inputs and outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import UserError, plain
from engine.export.report import Quality
from engine.pipeline.runtime import OUTPUTS, OnnxModel
from engine.question_answering.arguments import DataTrainingArguments
from engine.question_answering.collate import Collator
from engine.question_answering.evaluation import QuestionSet
from engine.question_answering.features import WindowSettings, evaluation_windows
from engine.question_answering.sources import load_examples
from engine.question_answering.spans import SpanSettings

BATCH_SIZE = 8
Notify = Callable[[str], None]


@dataclass(frozen=True)
class Evaluation:
    """What the exported model is tried on: `score` all questions of `data`, write `samples` inputs and outputs."""

    data: DataTrainingArguments
    score: bool = False
    samples: int = 0
    notify: Notify = print

    def run(self, path: Path, length: int) -> Quality | None:
        """Score and sample the ONNX file at `path`, whose tokenizer lies beside it and which reads `length` tokens."""
        if not self.score and self.samples < 1:
            return None
        limit = None if self.score else self.samples
        questions = load_questions(self.data, path.parent, length, limit, self.notify)
        if self.samples > 0:
            write_samples(path, questions, self.samples, length, path.parent)
        return measure_quality(path, questions) if self.score else None


def data_arguments(source: str | None, given: Mapping[str, Any]) -> DataTrainingArguments:
    """Data arguments from a JSON object or the file that holds one (`source`), overridden by those `given`.

    Raises `UserError` for text that is not a JSON object and for names that are not data arguments.
    """
    values: dict[str, Any] = {}
    if source is not None:
        try:
            text = source if source.lstrip().startswith("{") else Path(source).read_text(encoding="utf-8")
            values = json.loads(text)
        except (OSError, ValueError) as error:
            hint = "give a JSON object or a file that holds one"
            raise UserError(f"--data_args: {plain(str(error), 200)}", hint) from error
    if not isinstance(values, dict):
        raise UserError("--data_args is not a JSON object", 'for example {"validation_file": "dev.json"}')
    values |= {name: value for name, value in given.items() if value is not None}
    unknown = sorted(set(values) - {item.name for item in fields(DataTrainingArguments)})
    if unknown:
        raise UserError(f"--data_args: unknown argument {plain(unknown[0])}", "see sqa-tui train --help")
    return DataTrainingArguments(**values)


def load_questions(
    data: DataTrainingArguments, tokenizer_folder: Path, longest: int, samples: int | None, notify: Notify
) -> QuestionSet:
    """The evaluation questions of `data` as windows of at most `longest` tokens; only the first `samples` of them."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer_folder, local_files_only=True)
    examples = load_examples(data, "evaluate").first(samples)
    settings = WindowSettings(min(data.max_seq_length, longest), data.doc_stride).resolve(tokenizer, notify)
    windows = evaluation_windows(examples.examples, tokenizer, settings, notify)
    spans = SpanSettings(
        data.n_best_size, data.max_answer_length, data.version_2_with_negative, data.null_score_diff_threshold
    )
    return QuestionSet(examples, windows, Collator(tokenizer), spans)


def measure_quality(path: Path, questions: QuestionSet) -> Quality:
    """Official scores of the ONNX file, in percent."""
    predictions = questions.predict(OnnxModel(path).run, BATCH_SIZE)
    scores = questions.score(predictions)
    return Quality(exact_match=scores["exact_match"], f1=scores["f1"], samples=len(predictions.answers))


def write_samples(path: Path, questions: QuestionSet, count: int, length: int, folder: Path) -> int:
    """Write `sample-inputs/inp-0000.npz` and `sample-outputs/out-0000.npz`, one window each, padded to `length`.

    Arrays are named after the model's inputs and outputs and have no batch dimension. Returns how many were written.
    """
    model = OnnxModel(path)
    written = min(count, len(questions.windows))
    for name in ("sample-inputs", "sample-outputs"):
        (folder / name).mkdir()
    for index in range(written):
        item = {name: values[index] for name, values in questions.windows.inputs.items() if name in model.input_names}
        row = {name: np.pad(values, (0, length - len(values))).astype(np.int64)[None] for name, values in item.items()}
        outputs = dict(zip(OUTPUTS, model.run(row), strict=True))
        np.savez(folder / "sample-inputs" / f"inp-{index:04d}.npz", **{name: values[0] for name, values in row.items()})
        np.savez(
            folder / "sample-outputs" / f"out-{index:04d}.npz", **{name: values[0] for name, values in outputs.items()}
        )
    return written
