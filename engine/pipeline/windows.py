"""A question and its context as the model reads them: one or several overlapping windows of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from engine.errors import UserError, plain

_Array = np.ndarray
SMALLEST_ROOM = 2
SMALLEST_QUESTION = 3


@dataclass(frozen=True)
class Window:
    """Token ids and types, each [length], and each token's characters in the context, [length, 2] (-1 outside it)."""

    ids: _Array
    types: _Array
    offsets: _Array


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a deployment, without padding; `UserError` where the file is damaged."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise UserError(f"{path} is not a tokenizer: {plain(str(error), 200)}", "export the model again") from error
    tokenizer.no_padding()
    return tokenizer


def cut_windows(tokenizer: Tokenizer, question: str, context: str, length: int, stride: int) -> list[Window]:
    """Windows of at most `length` tokens, the question first; neighbours share `stride` tokens of the context.

    A stride that leaves no room to move is halved to fit. Raises `UserError` for a question that fills the window.
    """
    question = question.lstrip()
    tokenizer.no_truncation()
    asked = len(tokenizer.encode(question, add_special_tokens=False).ids)
    special = tokenizer.num_special_tokens_to_add(True)
    if length < special + SMALLEST_QUESTION + SMALLEST_ROOM:
        least = special + SMALLEST_QUESTION + SMALLEST_ROOM
        raise UserError(
            f"windows of {length} tokens are too small to hold question and context", f"give {least} or more"
        )
    room = length - asked - special
    if room < SMALLEST_ROOM:
        raise UserError(f"the question has {asked} tokens, the model reads {length} at once", "ask a shorter question")
    overlap = stride if stride < room else room // 2
    tokenizer.enable_truncation(length, stride=overlap, strategy="only_second")
    first = tokenizer.encode(question, context)
    return [_window(encoding) for encoding in (first, *first.overflowing)]


def _window(encoding: Encoding) -> Window:
    in_context = np.array([sequence == 1 for sequence in encoding.sequence_ids], dtype=bool)
    offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    offsets[~in_context] = -1
    return Window(np.array(encoding.ids, dtype=np.int64), np.array(encoding.type_ids, dtype=np.int64), offsets)


def batches(
    windows: Sequence[Window], size: int, padding_id: int = 0
) -> Iterator[tuple[list[Window], dict[str, _Array]]]:
    """Groups of at most `size` windows with the model's inputs, int64 [group, longest window], padded at the end."""
    for first in range(0, len(windows), size):
        group = list(windows[first : first + size])
        shape = (len(group), max(len(window.ids) for window in group))
        ids = np.full(shape, padding_id, dtype=np.int64)
        mask, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, window in enumerate(group):
            count = len(window.ids)
            ids[row, :count], mask[row, :count], types[row, :count] = window.ids, 1, window.types
        yield group, {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
