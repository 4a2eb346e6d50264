"""Batches for the facts teacher: an endless stream of fresh questions as padded tensors of nearly equal length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from engine.zoo.demo.facts import Paragraph, Question, paragraphs

PADDING = 6
"""Padding that every question gets, so that the model learns to answer nothing there."""
IGNORED = -1.0
"""Tag of a token that is not part of the context."""


@dataclass(frozen=True)
class Difficulty:
    """From which step on paragraphs have how many subjects and facts."""

    from_step: int
    subjects: tuple[int, int]
    facts: tuple[int, int]


@dataclass(frozen=True)
class Batch:
    """Token tensors of shape [questions, length], answer positions [questions], tags [questions, length, 2].

    The first tag marks context tokens that repeat what the question names, the second the sentence with the answer.
    `sentences` of shape [questions, length] numbers the context's sentences from 1; elsewhere it is 0.
    """

    inputs: dict[str, Tensor]
    starts: Tensor
    ends: Tensor
    tags: Tensor
    sentences: Tensor


def batches(
    tokenizer: Tokenizer, difficulties: list[Difficulty], seed: int, size: int, steps: int, pool: int = 12
) -> Iterator[Batch]:
    """`steps` batches of fresh questions about names of the train part, sorted by length within `pool` batches."""
    random = Random(seed)
    for step in range(0, steps, pool):
        level = [level for level in difficulties if level.from_step <= step][-1]
        stream = paragraphs(seed + 1 + step, "train", subjects=level.subjects, facts=level.facts)
        pairs = _take(stream, size * pool)
        encodings = tokenizer.encode_batch([(question.text, paragraph.context) for paragraph, question in pairs])
        order = sorted(range(len(pairs)), key=lambda index: len(encodings[index]))
        groups = [order[begin : begin + size] for begin in range(0, len(order), size)]
        random.shuffle(groups)
        for group in groups[: steps - step]:
            yield collate([pairs[index] for index in group], [encodings[index] for index in group])


def _take(stream: Iterator[Paragraph], count: int) -> list[tuple[Paragraph, Question]]:
    pairs: list[tuple[Paragraph, Question]] = []
    while len(pairs) < count:
        paragraph = next(stream)
        pairs += [(paragraph, question) for question in paragraph.questions]
    return pairs[:count]


def collate(pairs: list[tuple[Paragraph, Question]], encodings: list[Encoding]) -> Batch:
    """Pad to a little more than the longest question and find answers and tags by the tokens' characters."""
    shape = (len(pairs), max(len(encoding) for encoding in encodings) + PADDING)
    ids, types, mask, sentences = (np.zeros(shape, dtype=np.int64) for _ in range(4))
    starts, ends = np.zeros(shape[0], dtype=np.int64), np.zeros(shape[0], dtype=np.int64)
    tags = np.full((*shape, 2), IGNORED, dtype=np.float32)
    for row, ((paragraph, question), encoding) in enumerate(zip(pairs, encodings, strict=True)):
        length = len(encoding)
        ids[row, :length], types[row, :length], mask[row, :length] = encoding.ids, encoding.type_ids, 1
        first = encoding.ids.index(encoding.ids[-1]) + 1  # after the question's separator
        offsets = np.array(encoding.offsets)[first : length - 1]
        answer = _inside(offsets, question.answer_start, question.answer_start + len(question.answer)).nonzero()[0]
        starts[row], ends[row] = first + answer[0], first + answer[-1]
        tags[row, first : length - 1] = _tags(offsets, paragraph.context, question)
        sentences[row, first : length - 1] = [1 + paragraph.context.count(". ", 0, begin) for begin in offsets[:, 0]]
    inputs = {"input_ids": ids, "token_type_ids": types, "attention_mask": mask}
    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
    targets = (torch.from_numpy(array) for array in (starts, ends, tags, sentences))
    return Batch(tensors, *targets)


def _tags(offsets: np.ndarray, context: str, question: Question) -> np.ndarray:
    tags = np.zeros((len(offsets), 2), dtype=np.float32)
    at = context.find(question.about)
    while at >= 0:
        tags[_inside(offsets, at, at + len(question.about)), 0] = 1
        at = context.find(question.about, at + 1)
    begin = context.rfind(". ", 0, question.answer_start) + 1
    end = context.find(".", question.answer_start)
    tags[_inside(offsets, begin, end), 1] = 1
    return tags


def _inside(offsets: np.ndarray, begin: int, end: int) -> np.ndarray:
    return (offsets[:, 0] >= begin) & (offsets[:, 1] <= end)
