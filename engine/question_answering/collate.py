"""Windows of different lengths as one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Padding:
    """How a tokenizer pads: on which side, and with what in each of the model's inputs."""

    left: bool
    fill: Mapping[str, int]

    @classmethod
    def of(cls, tokenizer: Any) -> Padding:
        """The padding of `tokenizer`."""
        token = tokenizer.pad_token_id
        fill = {
            "input_ids": 0 if token is None else token,
            "token_type_ids": getattr(tokenizer, "pad_token_type_id", 0),
            "special_tokens_mask": 1,
        }
        return cls(tokenizer.padding_side == "left", fill)


class Collator:
    """Pads windows to `length` tokens; where it is None, to the longest of the batch: to a multiple of `multiple`,
    but no further than `most`.

    Call it with windows as `Windows.__getitem__` gives them; the result holds tensors of shape [batch, length], and
    label positions moved along where the tokenizer pads on the left.
    """

    def __init__(self, tokenizer: Any, length: int | None = None, multiple: int = 1, most: int | None = None) -> None:
        self.length = length
        self.multiple = multiple
        self.most = most
        self.padding = Padding.of(tokenizer)

    def __call__(self, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        import torch

        return {name: torch.from_numpy(array) for name, array in self.arrays(items).items()}

    def arrays(self, items: Sequence[Mapping[str, Any]], length: int | None = None) -> dict[str, np.ndarray]:
        """The batch as int64 numpy arrays, padded to `length` where it is given."""
        length = length or self.length or self._longest(items)
        batch: dict[str, np.ndarray] = {}
        for name, first in items[0].items():
            if isinstance(first, np.ndarray):
                batch[name] = self._padded([item[name] for item in items], self.padding.fill.get(name, 0), length)
            else:
                batch[name] = np.array([item[name] + self.shift(item, length) for item in items], dtype=np.int64)
        return batch

    def shift(self, item: Mapping[str, Any], length: int) -> int:
        """By how many positions padding to `length` moves the tokens of a window."""
        return length - len(item["input_ids"]) if self.padding.left else 0

    def _longest(self, items: Sequence[Mapping[str, Any]]) -> int:
        longest = max(len(item["input_ids"]) for item in items)
        rounded = -(-longest // self.multiple) * self.multiple
        return rounded if self.most is None else max(min(rounded, self.most), longest)

    def _padded(self, rows: Sequence[np.ndarray], fill: int, length: int) -> np.ndarray:
        padded = np.full((len(rows), length), fill, dtype=np.int64)
        for target, row in zip(padded, rows, strict=True):
            if self.padding.left:
                target[length - len(row) :] = row
            else:
                target[: len(row)] = row
        return padded
