"""Checks of model and teacher before a run; no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain
from engine.question_answering.hub import check_hub_name
from engine.question_answering.problem import Problem, Subject
from engine.recipes import Recipe
from engine.zoo import resolve_model, resolve_teacher

NO_TEACHER = ("self", "disable")
QUESTION_ANSWERING_TYPES = frozenset(
    {
        "albert",
        "bert",
        "big_bird",
        "camembert",
        "convbert",
        "data2vec-text",
        "deberta",
        "deberta-v2",
        "distilbert",
        "electra",
        "ernie",
        "ibert",
        "longformer",
        "megatron-bert",
        "mobilebert",
        "modernbert",
        "mpnet",
        "nystromformer",
        "rembert",
        "roberta",
        "roberta-prelayernorm",
        "roformer",
        "splinter",
        "squeezebert",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
        "yoso",
    }
)
"""Encoders that transformers has a question-answering head for."""

_WEIGHTS = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
)
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")


@dataclass(frozen=True)
class ModelFacts:
    """What a local model folder says about itself; `weights_bytes` is 0 where there are no weights."""

    folder: Path
    model_type: str
    vocabulary: int | None
    weights_bytes: int


def check_model(arguments: Mapping[str, Any]) -> tuple[ModelFacts | None, list[Problem]]:
    """The facts of the model to train (None: not local, or not usable) and what is to be said about it."""
    written = arguments.get("model_name_or_path")
    if not written:
        hint = "give --model_name_or_path FOLDER, zoo: stub or hub id"
        return None, [Problem("error", "model", "no model is chosen", hint)]
    return _check("model", str(written), resolve_model, arguments)


def check_teacher(arguments: Mapping[str, Any], recipe: Recipe | None, model: ModelFacts | None) -> list[Problem]:
    """What is to be said about the teacher, also where the recipe needs one that is not named."""
    distils = recipe is not None and any(modifier.acts_on == "loss" for modifier in recipe.modifiers)
    unreadable = recipe is None and bool(arguments.get("recipe"))
    written = arguments.get("distill_teacher")
    if not written:
        if not distils:
            return []
        return [
            Problem(
                "error",
                "teacher",
                "the recipe distils, but no teacher is chosen",
                "give --distill_teacher MODEL, self or disable",
            )
        ]
    if written in NO_TEACHER:
        return [Problem("ok", "teacher", "no distillation" if written == "disable" else "the model teaches itself")]
    teacher, found = _check("teacher", str(written), resolve_teacher, arguments)
    if not distils and not unreadable:
        found.append(Problem("warning", "teacher", "the recipe does not distil: the teacher is not used"))
    return found + (_compare(model, teacher) if model and teacher else [])


def _check(
    subject: Subject, written: str, resolve: Any, arguments: Mapping[str, Any]
) -> tuple[ModelFacts | None, list[Problem]]:
    try:
        resolved = resolve(written)
        if not isinstance(resolved, Path):
            return None, [check_hub_name(subject, resolved, arguments.get("cache_dir"))]
        facts = read_facts(resolved)
    except UserError as error:
        return None, [Problem.of(subject, error)]
    size = f"{facts.weights_bytes / 1e6:.1f} MB of weights" if facts.weights_bytes else "no weights"
    summary = f"{subject} {plain(written)}: {facts.model_type}, {size}, {facts.vocabulary or 'unknown'} word pieces"
    return facts, [Problem("ok", subject, summary), *_doubts(subject, facts, arguments)]


def read_facts(folder: Path) -> ModelFacts:
    """What a model folder says about itself. Raises `UserError` where `config.json` is missing or not a model's."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{folder} is no model folder: {path.name}: {error.strerror}", "choose another one") from None
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}", "copy the model again") from None
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise UserError(f"{path} does not say model_type", "choose a folder saved by transformers")
    vocabulary = config.get("vocab_size")
    size = sum((folder / name).stat().st_size for name in _weight_files(folder))
    return ModelFacts(folder, config["model_type"], vocabulary if isinstance(vocabulary, int) else None, size)


def _weight_files(folder: Path) -> list[str]:
    shards = [path.name for pattern in ("model-*.safetensors", "pytorch_model-*.bin") for path in folder.glob(pattern)]
    return [name for name in _WEIGHTS if (folder / name).is_file()][:1] + shards


def _doubts(subject: Subject, facts: ModelFacts, arguments: Mapping[str, Any]) -> list[Problem]:
    found: list[Problem] = []
    if facts.model_type not in QUESTION_ANSWERING_TYPES:
        message = f"{facts.folder}: {plain(facts.model_type)} is not known to answer questions"
        found.append(Problem("warning", subject, message, "BERT-like encoders are"))
    if not facts.weights_bytes:
        found.append(_no_weights(subject, facts.folder))
    named = arguments.get("tokenizer_name")
    if subject == "model" and not named and not any((facts.folder / name).is_file() for name in _TOKENIZERS):
        has_teacher = arguments.get("distill_teacher") not in (None, *NO_TEACHER)
        level = "warning" if has_teacher else "error"
        message = f"{facts.folder} has no tokenizer"
        found.append(Problem(level, subject, message, "name one with --tokenizer_name"))
    return found


def _no_weights(subject: Subject, folder: Path) -> Problem:
    if subject == "teacher":
        return Problem("error", subject, f"{folder} has no weights", "choose a fine-tuned model as teacher")
    message = f"{folder} has no weights: training starts from random ones"
    return Problem("warning", subject, message, "put model.safetensors there if that is not meant")


def _compare(model: ModelFacts, teacher: ModelFacts) -> list[Problem]:
    if model.vocabulary != teacher.vocabulary:
        message = f"the teacher knows {teacher.vocabulary} tokens, the model {model.vocabulary}"
        return [Problem("error", "teacher", message, "choose a teacher with the model's vocabulary")]
    ours, theirs = (_vocabulary_text(facts.folder) for facts in (model, teacher))
    if ours is not None and theirs is not None and ours != theirs:
        message = "the teacher's vocabulary is not the model's: it would read other words"
        return [Problem("warning", "teacher", message, "compare the two vocab.txt")]
    return []


def _vocabulary_text(folder: Path) -> list[str] | None:
    """Tokens in order, from vocab.txt or tokenizer.json."""
    try:
        if (folder / "vocab.txt").is_file():
            return (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        return sorted(vocabulary, key=vocabulary.__getitem__) if isinstance(vocabulary, dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
