"""Questions and contexts as token windows: what a model reads in training and evaluation.

The question is stripped on the left and never truncated; a context that does not fit is read in windows that share
`doc_stride` tokens. Which of the two comes first follows the tokenizer's padding side, as in the Hugging Face example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.errors import UserError
from engine.question_answering.examples import Example

Notify = Callable[[str], None]
_BATCH = 1000
_SHORTEST_QUESTION = 8
"""Room in tokens that a question must have; a stride that leaves less is shortened."""


@dataclass
class Windows:
    """The windows of a set of examples, unpadded.

    `inputs` holds for each of the model's inputs (`input_ids`, `attention_mask`, `token_type_ids` …) one int array a
    window; `offsets` an int32 array [length, 2] a window, -1 outside the context; `example` the example's index. For
    training, `start` and `end` are the label positions in the unpadded window.
    """

    inputs: dict[str, list[np.ndarray]] = field(default_factory=dict)
    offsets: list[np.ndarray] = field(default_factory=list)
    example: list[int] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.example)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item: dict[str, Any] = {name: values[index] for name, values in self.inputs.items()}
        if self.start:
            item["start_positions"], item["end_positions"] = self.start[index], self.end[index]
        return item


@dataclass(frozen=True)
class WindowSettings:
    """Longest window and the tokens neighbouring windows share; `resolve` makes them fit a tokenizer."""

    max_length: int = 384
    stride: int = 128

    def resolve(self, tokenizer: Any, notify: Notify) -> WindowSettings:
        """Settings that the tokenizer can work with; every change is told to `notify`."""
        length = self.max_length
        if length > tokenizer.model_max_length:
            length = int(tokenizer.model_max_length)
            notify(f"max_seq_length {self.max_length} is more than the model can read; {length} is used")
        room = length - tokenizer.num_special_tokens_to_add(pair=True)
        if room <= _SHORTEST_QUESTION + 1:
            raise UserError(
                f"--max_seq_length {length} leaves no room for a question and its context", "use 64 or more"
            )
        stride = self.stride
        if stride < 0 or room - stride - 1 < _SHORTEST_QUESTION:
            stride = min(max(stride, 0), room // 3)
            notify(f"doc_stride {self.stride} does not go with max_seq_length {length}; {stride} is used")
        return WindowSettings(length, stride)


def training_windows(
    examples: Sequence[Example],
    tokenizer: Any,
    settings: WindowSettings,
    notify: Notify,
    *,
    progress: Notify | None = None,
) -> Windows:
    """Windows with labels: the tokens where the first answer starts and ends, the CLS token where it is not inside."""
    return _windows(examples, tokenizer, settings, notify, labels=True, progress=progress)


def evaluation_windows(
    examples: Sequence[Example],
    tokenizer: Any,
    settings: WindowSettings,
    notify: Notify,
    *,
    progress: Notify | None = None,
) -> Windows:
    """Windows without labels."""
    return _windows(examples, tokenizer, settings, notify, labels=False, progress=progress)


def _windows(
    examples: Sequence[Example],
    tokenizer: Any,
    settings: WindowSettings,
    notify: Notify,
    *,
    labels: bool,
    progress: Notify | None,
) -> Windows:
    if not tokenizer.is_fast:
        raise UserError("the model's tokenizer has no fast version", "convert it, so that there is a tokenizer.json")
    windows = Windows()
    questions = _fitting_questions(examples, tokenizer, settings, notify)
    for begin in range(0, len(examples), _BATCH):
        batch = slice(begin, begin + _BATCH)
        _append(windows, examples[batch], questions[batch], begin, tokenizer, settings, labels)
        if progress is not None:
            progress(f"{min(begin + _BATCH, len(examples))} of {len(examples)} questions tokenised")
    return windows


def _fitting_questions(
    examples: Sequence[Example], tokenizer: Any, settings: WindowSettings, notify: Notify
) -> list[str]:
    """The questions, left-stripped; one that leaves the context no room is cut (the tokenizer would panic)."""
    room = settings.max_length - tokenizer.num_special_tokens_to_add(pair=True) - settings.stride - 1
    questions = [example.question.lstrip() for example in examples]
    # Every token is at least one byte long: only questions of more bytes than there is room need a closer look.
    suspects = [index for index, question in enumerate(questions) if len(question.encode()) > room]
    cut = 0
    for index in suspects:
        offsets = tokenizer(questions[index], add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        if len(offsets) > room:
            questions[index] = questions[index][: offsets[room - 1][1]]
            cut += 1
    if cut:
        notify(f"{cut} questions are longer than {room} tokens; the rest of them is not read")
    return questions


def _append(
    windows: Windows,
    examples: Sequence[Example],
    questions: Sequence[str],
    first: int,
    tokenizer: Any,
    settings: WindowSettings,
    labels: bool,
) -> None:
    question_first = tokenizer.padding_side == "right"
    contexts = [example.context for example in examples]
    encoded = tokenizer(
        questions if question_first else contexts,
        contexts if question_first else questions,
        truncation="only_second" if question_first else "only_first",
        max_length=settings.max_length,
        stride=settings.stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        padding=False,
    )
    sources = encoded.pop("overflow_to_sample_mapping")
    offset_pairs = encoded.pop("offset_mapping")
    for name, values in encoded.items():
        windows.inputs.setdefault(name, []).extend(np.asarray(row, dtype=np.int32) for row in values)
    for index, (source, pairs) in enumerate(zip(sources, offset_pairs, strict=True)):
        inside = _inside(encoded.sequence_ids(index), 1 if question_first else 0)
        offsets = np.asarray(pairs, dtype=np.int32)
        windows.example.append(first + source)
        windows.offsets.append(np.where(inside[:, None], offsets, np.int32(-1)))
        if labels:
            start, end = _labels(examples[source], windows.offsets[-1], inside)
            classification = _classification(encoded["input_ids"][index], tokenizer)
            windows.start.append(classification if start is None else start)
            windows.end.append(classification if end is None else end)


def _inside(sequence_ids: Iterable[int | None], context: int) -> np.ndarray:
    return np.fromiter((sequence == context for sequence in sequence_ids), dtype=bool)


def _labels(example: Example, offsets: np.ndarray, inside: np.ndarray) -> tuple[int, int] | tuple[None, None]:
    """Start and end token of the first answer, or none where it is not completely inside the window.

    The start is the last token of the context that begins at or before the answer, the end the first one that ends at
    or after it; both stay inside the context.
    """
    positions = np.flatnonzero(inside)
    if not example.answers or not len(positions):
        return None, None
    answer = example.answers[0]
    begin, end = answer.start, answer.start + len(answer.text)
    starts, ends = offsets[positions, 0], offsets[positions, 1]
    if begin < 0 or starts[0] > begin or ends[-1] < end:
        return None, None
    first = int(np.searchsorted(starts, begin, side="right")) - 1
    last = int(np.searchsorted(ends, end, side="left"))
    return int(positions[first]), int(positions[last])


def _classification(input_ids: Sequence[int], tokenizer: Any) -> int:
    """Position of the CLS token (of the first token where the tokenizer has none)."""
    try:
        return input_ids.index(tokenizer.cls_token_id)
    except ValueError:
        return 0
