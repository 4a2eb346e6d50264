"""Whether a teacher reads what its student reads: the same tokens, windows of the same length, the same inputs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from transformers import AutoTokenizer

from engine.errors import UserError, plain
from engine.question_answering.scoring import longest_input

_SHOWN = 60
"""Characters of a token that are shown."""
_LOADING = (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError)


def check_teacher_fits(teacher: Any, path: str, tokenizer: Any, longest: int, *, cache_dir: str | None = None) -> None:
    """Refuse a teacher that would judge other tokens than the student reads, or windows of up to `longest` tokens that
    it cannot read. A teacher without a tokenizer is compared by the size of its vocabulary alone.

    Raises `UserError`.
    """
    room = longest_input(teacher.config)
    if room is not None and room < longest:
        raise UserError(
            f"the teacher reads {room} tokens, the windows have up to {longest}",
            f"use --max_seq_length {room}, or another teacher",
        )
    _check_segments(teacher, tokenizer)
    own = _tokenizer(path, cache_dir)
    if own is not None:
        _check_tokens(tokenizer.get_vocab(), own.get_vocab(), _known(teacher))


def _tokenizer(path: str, cache_dir: str | None) -> Any:
    try:
        return AutoTokenizer.from_pretrained(path, use_fast=True, cache_dir=cache_dir)
    except _LOADING:
        return None


def _known(model: Any) -> int:
    return int(model.get_input_embeddings().num_embeddings)


def _check_tokens(students: Mapping[str, int], teachers: Mapping[str, int], known: int) -> None:
    """Every token of the student must have the number that it has for the teacher."""
    names = {number: token for token, number in teachers.items()}
    for token, number in sorted(students.items(), key=lambda item: item[1]):
        shown = plain(token, _SHOWN)
        if number >= known:
            fault = f"token {number} ({shown}) of the student is more than the teacher knows, which has {known}"
        elif token in teachers and teachers[token] != number:
            fault = f"{shown} is token {number} for the student and {teachers[token]} for the teacher"
        elif token not in teachers and number in names:
            fault = f"token {number} is {shown} for the student and {plain(names[number], _SHOWN)} for the teacher"
        else:
            continue
        raise UserError(
            f"the tokenizers differ: {fault}", "choose a teacher that was trained with the student's tokenizer"
        )


def _check_segments(teacher: Any, tokenizer: Any) -> None:
    """A teacher of segments needs a tokenizer that tells them, else it takes the context for the question."""
    takes = "token_type_ids" in inspect.signature(teacher.forward).parameters
    told = "token_type_ids" in tokenizer.model_input_names
    if takes and not told and getattr(teacher.config, "type_vocab_size", 0) > 1:
        raise UserError(
            "the teacher tells question and context apart by token_type_ids, which the tokenizer does not give",
            "use the teacher's tokenizer with --tokenizer_name",
        )
