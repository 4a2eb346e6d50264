"""A teacher that remembers: distillation without paying for the teacher in every epoch."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.errors import plain
from engine.question_answering.cache_folder import cache_root, digest, forget_oldest, touch
from engine.question_answering.features import Windows
from engine.question_answering.setup import Announcer
from engine.question_answering.teacher_logits import OUTPUTS, TeacherLogits

KIND = "teachers"
WINDOW = "window"
"""The input that tells which windows a batch holds."""


class Numbered:
    """Windows that tell their number, for a `NumberedCollator`."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self.windows[index], WINDOW: index}


class NumberedCollator:
    """A collator that hands the numbers of windows through, as a list that stays off the device."""

    def __init__(self, collate: Any) -> None:
        self.collate = collate

    def __call__(self, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        bare = [{name: value for name, value in item.items() if name != WINDOW} for item in items]
        return {**self.collate(bare), WINDOW: [int(item[WINDOW]) for item in items]}


class RememberingTeacher(nn.Module):
    """`teacher`, asked only for batches of which something is not kept yet.

    Then the whole batch is run, as it would be without anything kept: a run that is interrupted and goes on computes
    the same numbers. The logits of each precision are kept apart.
    """

    def __init__(self, teacher: nn.Module, folder: Path, windows: int, length: int, say: Announcer) -> None:
        super().__init__()
        self.teacher = teacher
        self.asked = 0
        self._folder, self._shape, self._say = folder, (windows, length), say
        self._kept: dict[str, TeacherLogits | None] = {}

    @property
    def input_names(self) -> list[str]:
        """The inputs it takes: the teacher's, and the numbers of the windows."""
        return [*inspect.signature(self.teacher.forward).parameters, WINDOW]

    def forward(self, *, window: Sequence[int], **inputs: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """The teacher's outputs; where they are kept, start and end logits only, [batch, length] in float32."""
        ids = inputs["input_ids"]
        kept = self._of_precision(ids.device)
        found = kept.get(window, ids.shape[1]) if kept is not None else None
        if found is None:
            self.asked += 1
            outputs = self.teacher(**inputs)
            if kept is None:
                return outputs
            kept.put(window, {name: outputs[name] for name in OUTPUTS})
            found = kept.get(window, ids.shape[1])
            if found is None:
                return outputs
        return {name: logits.to(ids.device, non_blocking=True) for name, logits in found.items()}

    def _of_precision(self, device: torch.device) -> TeacherLogits | None:
        half = torch.is_autocast_enabled(device.type)
        name = str(torch.get_autocast_dtype(device.type) if half else torch.float32).removeprefix("torch.")
        if name not in self._kept:
            self._kept[name] = self._open(name)
        return self._kept[name]

    def _open(self, name: str) -> TeacherLogits | None:
        try:
            logits = TeacherLogits(self._folder, name, *self._shape)
            touch(self._folder)
            forget_oldest(KIND, self._folder)
        except OSError as error:
            self._say(f"no room for the teacher's logits, it runs at every step: {plain(str(error))}")
            return None
        self._say(f"the teacher is asked once for each window: {logits.kept} of {self._shape[0]} known", level="info")
        return logits


def remembering(teacher: nn.Module, windows: Windows, length: int, say: Announcer) -> RememberingTeacher:
    """`teacher` with a memory for `windows`, which are at most `length` tokens long with their padding."""
    key = digest([*_bytes_of_model(teacher), *_bytes_of_windows(windows), str(length).encode()])
    return RememberingTeacher(teacher, cache_root(KIND) / key, len(windows), length, say)


def _bytes_of_model(model: nn.Module) -> Iterable[bytes | memoryview]:
    yield repr(model).encode()
    for name, tensor in model.state_dict().items():
        yield name.encode()
        yield tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data


def _bytes_of_windows(windows: Windows) -> Iterable[bytes | memoryview]:
    for name, rows in windows.inputs.items():
        yield name.encode()
        yield np.concatenate(rows).view(np.uint8).data
    yield np.array([len(offsets) for offsets in windows.offsets], dtype=np.int64).view(np.uint8).data
