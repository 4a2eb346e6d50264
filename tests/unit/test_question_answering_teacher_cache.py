"""A teacher that is asked once for each window."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import make_bert

from engine.question_answering.cache_folder import cache_root
from engine.question_answering.features import Windows
from engine.question_answering.teacher_cache import WINDOW, Numbered, NumberedCollator, RememberingTeacher, remembering
from engine.question_answering.teacher_logits import TeacherLogits

LENGTHS = (5, 9, 7, 12)
LONGEST = 16


def windows() -> Windows:
    rows = [np.arange(length, dtype=np.int32) % 20 for length in LENGTHS]
    masks = [np.ones_like(row) for row in rows]
    offsets = [np.zeros((length, 2), dtype=np.int32) for length in LENGTHS]
    return Windows({"input_ids": rows, "attention_mask": masks}, offsets, list(range(len(LENGTHS))))


def batch(numbers: Sequence[int], length: int) -> dict[str, Any]:
    """The windows of those `numbers`, padded to `length`."""
    made = {name: torch.zeros(len(numbers), length, dtype=torch.long) for name in ("input_ids", "attention_mask")}
    for place, number in enumerate(numbers):
        for name, rows in windows().inputs.items():
            made[name][place, : len(rows[number])] = torch.from_numpy(rows[number].astype(np.int64))
    return {**made, WINDOW: list(numbers)}


class Teacher:
    """A teacher with a memory, and the same one without."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = make_bert().eval()
        self.said: list[str] = []
        self.remembering: RememberingTeacher = self.new()

    def new(self) -> RememberingTeacher:
        return remembering(self.model, windows(), LONGEST, self.say)  # pyright: ignore[reportArgumentType]

    def say(self, text: str, *, level: str = "warning", hint: str = "") -> None:
        self.said.append(text)

    @torch.no_grad()
    def differs(self, numbers: Sequence[int], length: int) -> float:
        """Largest difference between what is remembered and what the teacher says."""
        inputs = batch(numbers, length)
        told = self.remembering(**inputs)
        live = self.model(**{name: value for name, value in inputs.items() if name != WINDOW})
        return max(float((told[name] - live[name]).abs().max()) for name in ("start_logits", "end_logits"))


@pytest.fixture
def teacher() -> Teacher:
    return Teacher()


def test_it_is_asked_once_and_says_the_same(teacher: Teacher) -> None:
    assert teacher.differs([0, 2], 8) == 0.0
    assert teacher.differs([1, 3], 12) == 0.0
    assert teacher.remembering.asked == 2
    assert teacher.differs([2, 0], 8) < 1e-5
    assert teacher.differs([0], 5) < 1e-5, "shorter than it was padded"
    assert teacher.remembering.asked == 2


def test_what_is_new_in_a_batch_is_asked_and_what_is_known_stays(teacher: Teacher) -> None:
    teacher.differs([0, 2], 8)
    assert teacher.differs([2, 1], 9) < 1e-5
    assert teacher.remembering.asked == 2
    known = teacher.remembering(**batch([2], 8))["start_logits"]
    assert teacher.differs([2, 0], 9) < 1e-5
    assert teacher.remembering.asked == 3
    assert torch.equal(teacher.remembering(**batch([2], 8))["start_logits"], known)


def test_another_run_finds_it(teacher: Teacher) -> None:
    teacher.differs([0, 1, 2, 3], 12)
    teacher.remembering = teacher.new()
    assert teacher.differs([3, 0], 12) < 1e-5
    assert teacher.remembering.asked == 0
    assert "4 of 4 known" in teacher.said[-1]


def test_another_teacher_does_not(teacher: Teacher) -> None:
    teacher.differs([0, 1, 2, 3], 12)
    with torch.no_grad():
        teacher.model.qa_outputs.bias.add_(1.0)
    teacher.remembering = teacher.new()
    assert teacher.differs([3, 0], 12) == 0.0
    assert teacher.remembering.asked == 1


def test_what_is_half_written_is_asked_again(teacher: Teacher) -> None:
    teacher.differs([0, 1], 12)
    (file,) = cache_root("teachers").glob("*/float32.logits")
    content = bytearray(file.read_bytes())
    content[:8] = b"\0" * 8
    file.write_bytes(content)
    teacher.remembering = teacher.new()
    assert teacher.differs([0, 1], 12) == 0.0
    assert teacher.remembering.asked == 1


def test_half_precision_is_kept_apart(teacher: Teacher) -> None:
    teacher.differs([0, 1], 12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert teacher.differs([0, 1], 12) == 0.0
    assert teacher.remembering.asked == 2
    assert {file.name for file in cache_root("teachers").glob("*/*.logits")} == {"float32.logits", "bfloat16.logits"}


def test_without_room_it_runs_at_every_step(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    for _ in range(2):
        assert teacher.differs([0, 1], 12) == 0.0
    assert teacher.remembering.asked == 2
    assert [text for text in teacher.said if "No space left" in text]


def test_no_room_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        TeacherLogits(tmp_path / "here", "float32", 4, 8)
    assert list((tmp_path / "here").iterdir()) == []


def test_numbers_pass_beside_the_batch() -> None:
    numbered = Numbered(windows())
    collate = NumberedCollator(lambda items: {"input_ids": [len(item["input_ids"]) for item in items]})
    assert len(numbered) == 4
    assert collate([numbered[3], numbered[0]]) == {"input_ids": [12, 5], WINDOW: [3, 0]}
