"""Teachers that cannot teach a student are refused before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_models import make_bert, write_tokenizer
from transformers import AutoTokenizer

from engine.errors import UserError
from engine.question_answering.teacher_fit import check_teacher_fits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tokenizer(tmp_path)
    return tmp_path


def changed(folder: Path, *swaps: tuple[str, str]) -> Path:
    """Another folder whose vocabulary has other words in some places."""
    other = folder / "other"
    write_tokenizer(other)
    for name in ("tokenizer.json", "vocab.txt"):
        path = other / name
        if path.exists():
            text = path.read_text()
            for word, replacement in swaps:
                text = text.replace(word, replacement)
            path.write_text(text)
    return other


def check(teacher: Any, teacher_folder: Path, student_folder: Path, longest: int = 32) -> None:
    tokenizer = AutoTokenizer.from_pretrained(student_folder)
    check_teacher_fits(teacher, str(teacher_folder), tokenizer, longest)


def test_the_same_tokenizer_fits(folder: Path) -> None:
    check(make_bert(), folder, folder)


def test_a_teacher_without_a_tokenizer_is_judged_by_its_size(folder: Path, tmp_path: Path) -> None:
    check(make_bert(), tmp_path / "nothing", folder)


def test_one_other_token_is_named(folder: Path) -> None:
    with pytest.raises(UserError, match=r"token \d+ is london for the student and ulan for the teacher"):
        check(make_bert(), changed(folder, ("london", "ulan")), folder)


def test_tokens_in_another_place_are_named(folder: Path) -> None:
    other = changed(folder, ("london", "@@@"), ("paris", "london"), ("@@@", "paris"))
    with pytest.raises(UserError, match=r"(london|paris) is token \d+ for the student and \d+ for the teacher"):
        check(make_bert(), other, folder)


def test_a_smaller_vocabulary_is_named(folder: Path, tmp_path: Path) -> None:
    teacher = make_bert(vocab_size=10)
    with pytest.raises(UserError, match="is more than the teacher knows, which has 10"):
        check(teacher, folder, folder)


def test_windows_that_the_teacher_cannot_read(folder: Path) -> None:
    with pytest.raises(UserError, match="the teacher reads 24 tokens, the windows have up to 32") as told:
        check(make_bert(max_position_embeddings=24), folder, folder)
    assert "--max_seq_length 24" in str(told.value)


def test_a_teacher_of_segments_needs_them(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    with pytest.raises(UserError, match="token_type_ids"):
        check_teacher_fits(make_bert(), str(folder), tokenizer, 32)
