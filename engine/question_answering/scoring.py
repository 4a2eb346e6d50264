"""Scores of a model on a dataset: by torch for a model folder, by ONNX Runtime for a deployment folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain
from engine.hub_reach import quick_where_unreachable
from engine.question_answering.arguments import DataTrainingArguments, ModelArguments
from engine.question_answering.collate import Collator
from engine.question_answering.evaluation import LogitsFunction, Predictions, QuestionSet
from engine.question_answering.features import Notify, WindowSettings, evaluation_windows
from engine.question_answering.sources import load_examples
from engine.question_answering.spans import SpanSettings
from engine.question_answering.windows_cache import cached_windows
from engine.zoo import resolve_model

_ONNX_FILE = "model.onnx"
_LOADING = (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError)


@dataclass(frozen=True)
class Scored:
    """Scores in percent, the answers they are of, over how many windows, and what computed them."""

    scores: dict[str, float]
    predictions: Predictions
    windows: int
    engine: str


def score_model(
    model: ModelArguments,
    data: DataTrainingArguments,
    *,
    batch_size: int,
    use_cpu: bool,
    say: Notify,
    on_batch: Callable[[int, int], None],
) -> Scored:
    """Answer and score the evaluation questions of `data`. Raises `UserError` for bad models and data."""
    folder = Path(model.model_name_or_path).expanduser()
    if (folder / _ONNX_FILE).is_file() or (folder.suffix == ".onnx" and folder.is_file()):
        return _score_onnx(folder, model, data, batch_size, say, on_batch)
    return _score_torch(model, data, batch_size, use_cpu, say, on_batch)


def _score_onnx(
    folder: Path,
    model: ModelArguments,
    data: DataTrainingArguments,
    batch_size: int,
    say: Notify,
    on_batch: Callable[[int, int], None],
) -> Scored:
    from engine.pipeline.deployment import find_deployment
    from engine.pipeline.runtime import OnnxModel

    deployment = find_deployment(folder)
    onnx = OnnxModel(deployment.model_file)
    tokenizer = read_tokenizer(model.tokenizer_name or str(deployment.folder), model)
    questions = load_questions(data, model, tokenizer, onnx.fixed_length or deployment.longest_input(), say)
    return _score(questions, onnx.run, onnx.fixed_batch or batch_size, on_batch, "onnxruntime")


def _score_torch(
    model: ModelArguments,
    data: DataTrainingArguments,
    batch_size: int,
    use_cpu: bool,
    say: Notify,
    on_batch: Callable[[int, int], None],
) -> Scored:
    import torch

    from engine.question_answering.network import torch_logits
    from engine.sparsify.checkpoint import load_question_answering_model

    path = str(resolve_model(model.model_name_or_path))
    named = model.tokenizer_name or path
    with quick_where_unreachable(path, named):
        loaded = load_question_answering_model(path, revision=model.model_revision, cache_dir=model.cache_dir)
        tokenizer = read_tokenizer(named, model)
    if loaded.random_weights or loaded.new_parameters:
        say(f"{path} was never trained for question answering: its scores mean nothing")
    questions = load_questions(data, model, tokenizer, longest_input(loaded.config), say)
    device = torch.device("cuda" if torch.cuda.is_available() and not use_cpu else "cpu")
    network: Any = loaded.model.to(device)  # pyright: ignore[reportArgumentType]
    return _score(questions, torch_logits(network, device), batch_size, on_batch, f"torch ({device})")


def _score(
    questions: QuestionSet,
    logits: LogitsFunction,
    batch_size: int,
    on_batch: Callable[[int, int], None],
    engine: str,
) -> Scored:
    predictions = questions.predict(logits, batch_size, on_batch)
    return Scored(questions.score(predictions), predictions, len(questions.windows), engine)


def read_tokenizer(source: str, model: ModelArguments) -> Any:
    """The fast tokenizer of a folder or hub id. Raises `UserError` where there is none."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            source, use_fast=True, revision=model.model_revision, cache_dir=model.cache_dir
        )
    except _LOADING as error:
        raise UserError(
            f"no tokenizer in {plain(source)}: {plain(str(error), 200)}", "name one with --tokenizer_name"
        ) from None


def longest_input(config: Any) -> int | None:
    """How many tokens a model can read, by its configuration; None where it does not say."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None:
        return None
    # These count positions from after the padding token's number.
    shifted = "roberta" in config.model_type or config.model_type in ("camembert", "longformer", "mpnet")
    return positions - (config.pad_token_id or 0) - 1 if shifted else positions


def load_questions(
    data: DataTrainingArguments, model: ModelArguments, tokenizer: Any, longest: int | None, say: Notify
) -> QuestionSet:
    """The evaluation questions of `data` as windows of at most `longest` tokens."""
    examples = load_examples(data, "evaluate", cache_dir=model.cache_dir, token=model.use_auth_token)
    for note in examples.notes:
        say(note)
    return question_set(examples, data, tokenizer, window_settings(data, tokenizer, longest, say), say)


def window_settings(data: DataTrainingArguments, tokenizer: Any, longest: int | None, say: Notify) -> WindowSettings:
    """Window length and stride that tokenizer and model can work with."""
    if longest is not None and longest < tokenizer.model_max_length:
        tokenizer.model_max_length = longest
    return WindowSettings(data.max_seq_length, data.doc_stride).resolve(tokenizer, say)


def question_set(
    examples: Any,
    data: DataTrainingArguments,
    tokenizer: Any,
    settings: WindowSettings,
    say: Notify,
    *,
    progress: Notify | None = None,
) -> QuestionSet:
    """`examples` as windows, with the settings that make logits into answers."""
    windows = cached_windows(
        evaluation_windows, examples.examples, tokenizer, settings, say, progress=progress, fresh=data.overwrite_cache
    )
    spans = SpanSettings(
        n_best_size=data.n_best_size,
        max_answer_length=data.max_answer_length,
        version_2=data.version_2_with_negative,
        null_score_diff_threshold=data.null_score_diff_threshold,
    )
    return QuestionSet(examples, windows, Collator(tokenizer), spans)
