"""Windows and labels at their edges: long questions, wide strides, padding on either side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.errors import UserError
from engine.question_answering.collate import Collator
from engine.question_answering.examples import Answer, Example
from engine.question_answering.features import Windows, WindowSettings, evaluation_windows, training_windows
from tests.tiny_models import write_tokenizer

CONTEXT = "anna lives in the old tower of london and marie lives in paris in the new city"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = 64
    return tokenizer


def example(question: str, answer: str = "paris") -> Example:
    return Example("q", question, CONTEXT, (Answer(answer, CONTEXT.index(answer)),))


def windows_of(tokenizer: Any, item: Example, length: int = 16, stride: int = 4) -> tuple[Windows, list[str]]:
    said: list[str] = []
    settings = WindowSettings(length, stride).resolve(tokenizer, said.append)
    return training_windows([item], tokenizer, settings, said.append), said


def text_of(windows: Windows, index: int) -> str:
    """The text that the labels of a window mark."""
    start, end = windows.start[index], windows.end[index]
    return CONTEXT[windows.offsets[index][start, 0] : windows.offsets[index][end, 1]]


def test_each_window_with_the_whole_answer_marks_it(tokenizer: Any) -> None:
    windows, said = windows_of(tokenizer, example("  where is marie ?"))
    assert said == []
    marked = [index for index in range(len(windows)) if windows.start[index]]
    assert marked
    assert {text_of(windows, index) for index in marked} == {"paris"}
    others = [index for index in range(len(windows)) if index not in marked]
    assert all((windows.start[index], windows.end[index]) == (0, 0) for index in others)
    # The blanks before the question are gone.
    assert tokenizer.convert_ids_to_tokens(int(windows.inputs["input_ids"][0][1])) == "where"


def test_the_label_walk_stops_at_the_context(tokenizer: Any) -> None:
    words = CONTEXT.split()
    for word in dict.fromkeys(words):
        windows, _ = windows_of(tokenizer, example("who ?", word), length=13, stride=2)
        for index in range(len(windows)):
            if windows.start[index]:
                assert text_of(windows, index) == word
                assert windows.start[index] <= windows.end[index] < len(windows.offsets[index]) - 1


def test_an_answer_with_an_unusable_start_is_no_answer(tokenizer: Any) -> None:
    for start in (-1, 10_000):
        windows, _ = windows_of(tokenizer, Example("q", "who ?", CONTEXT, (Answer("anna", start),)))
        assert set(windows.start) == {0}


def test_a_question_too_long_for_the_stride_is_cut_and_said(tokenizer: Any) -> None:
    windows, said = windows_of(tokenizer, example("where " * 40 + "?"), length=24, stride=8)
    assert said == ["1 questions are longer than 12 tokens; the rest of them is not read"]
    assert max(len(row) for row in windows.inputs["input_ids"]) <= 24
    covered = np.concatenate([offsets[offsets[:, 0] >= 0] for offsets in windows.offsets])
    assert (covered[:, 0].min(), covered[:, 1].max()) == (0, len(CONTEXT))


def test_a_stride_too_wide_is_shortened_and_said(tokenizer: Any) -> None:
    windows, said = windows_of(tokenizer, example("who ?"), length=20, stride=128)
    assert said == ["doc_stride 128 does not go with max_seq_length 20; 5 is used"]
    assert len(windows) > 1


def test_length_is_clipped_to_the_tokenizer(tokenizer: Any) -> None:
    said: list[str] = []
    assert WindowSettings(384, 16).resolve(tokenizer, said.append) == WindowSettings(64, 16)
    assert "384" in said[0]
    assert "64" in said[0]
    with pytest.raises(UserError, match="no room"):
        WindowSettings(8, 2).resolve(tokenizer, said.append)


@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_keeps_tokens_and_labels_together(tokenizer: Any, side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "padding_side", side)
    windows, _ = windows_of(tokenizer, example("where is marie ?"))
    items = [windows[index] for index in range(len(windows))]
    batch = Collator(tokenizer, 20).arrays(items)
    for row, item in enumerate(items):
        assert batch["input_ids"].shape == (len(items), 20)
        assert batch["attention_mask"][row].sum() == len(item["input_ids"])
        kept = batch["input_ids"][row][batch["attention_mask"][row] == 1]
        np.testing.assert_array_equal(kept, item["input_ids"])
        label = batch["start_positions"][row]
        assert batch["input_ids"][row, label] == item["input_ids"][item["start_positions"]]


def test_dynamic_padding_goes_to_the_longest(tokenizer: Any) -> None:
    windows = evaluation_windows([example("who ?")], tokenizer, WindowSettings(64, 8), print)
    length = len(windows.inputs["input_ids"][0])
    assert Collator(tokenizer).arrays([windows[0]])["input_ids"].shape == (1, length)
    assert Collator(tokenizer, multiple=8).arrays([windows[0]])["input_ids"].shape == (1, -(-length // 8) * 8)


def test_slow_tokenizers_are_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(UserError, match="fast"):
        evaluation_windows([example("who ?")], Slow(), WindowSettings(64, 8), print)
