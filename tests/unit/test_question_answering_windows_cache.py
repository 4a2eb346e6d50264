"""Tokenised windows kept between runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import write_tokenizer
from transformers import AutoTokenizer

from engine.question_answering import windows_cache
from engine.question_answering.cache_folder import cache_root, forget_oldest
from engine.question_answering.examples import Answer, Example
from engine.question_answering.features import Windows, WindowSettings, evaluation_windows, training_windows

SETTINGS = WindowSettings(64, 16)


@pytest.fixture
def tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(windows_cache, "LEAST_EXAMPLES", 1)
    write_tokenizer(tmp_path)
    return AutoTokenizer.from_pretrained(tmp_path)


def example(context: str, number: int = 0) -> Example:
    return Example(f"q{number}", "who went ?", context, (Answer(context[:3], 0),))


EXAMPLES = (example("Ann went home"), example("Bob went to the market " * 20, 1))


def counting(make: Callable[..., Windows]) -> tuple[Callable[..., Windows], list[int]]:
    calls: list[int] = []

    def counted(examples: Sequence[Example], *rest: Any, **named: Any) -> Windows:
        calls.append(len(examples))
        rest[2]("a note")
        return make(examples, *rest, **named)

    counted.__name__ = make.__name__
    return counted, calls


def same(one: Windows, other: Windows) -> bool:
    arrays = [(one.inputs[name], other.inputs[name]) for name in one.inputs] + [(one.offsets, other.offsets)]
    numbers = (one.example, one.start, one.end) == (other.example, other.start, other.end)
    return numbers and all(np.array_equal(a, b) for left, right in arrays for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("make", [training_windows, evaluation_windows])
def test_the_second_time_they_are_read(make: Callable[..., Windows], tokenizer: Any) -> None:
    counted, calls = counting(make)
    said: list[str] = []
    made = windows_cache.cached_windows(counted, EXAMPLES, tokenizer, SETTINGS, said.append)
    read = windows_cache.cached_windows(counted, EXAMPLES, tokenizer, SETTINGS, said.append)
    assert same(made, read)
    assert len(made) > len(EXAMPLES)
    assert (calls, said) == ([2], ["a note", "a note"])


def test_whatever_matters_makes_them_anew(tokenizer: Any) -> None:
    counted, calls = counting(training_windows)
    changed = (example("Ann went away"), EXAMPLES[1])
    for examples, settings in ((EXAMPLES, SETTINGS), (changed, SETTINGS), (EXAMPLES, WindowSettings(64, 8))):
        windows_cache.cached_windows(counted, examples, tokenizer, settings, print)
    windows_cache.cached_windows(counted, EXAMPLES, tokenizer, SETTINGS, print, fresh=True)
    assert calls == [2, 2, 2, 2]


@pytest.mark.parametrize("damage", ["about.json", "bounds.npy", "input-input_ids.npy"])
def test_damage_is_mended(damage: str, tokenizer: Any) -> None:
    counted, calls = counting(training_windows)
    made = windows_cache.cached_windows(counted, EXAMPLES, tokenizer, SETTINGS, print)
    (folder,) = cache_root("windows").iterdir()
    file = folder / damage
    file.write_bytes(file.read_bytes()[:-20])
    mended = windows_cache.cached_windows(counted, EXAMPLES, tokenizer, SETTINGS, print)
    again = windows_cache.cached_windows(counted, EXAMPLES, tokenizer, SETTINGS, print)
    assert same(made, mended)
    assert same(made, again)
    assert calls == [2, 2]


def test_a_folder_that_cannot_be_written_costs_only_the_cache(tokenizer: Any) -> None:
    cache_root("windows").parent.mkdir(parents=True)
    cache_root("windows").write_text("in the way")
    counted, calls = counting(training_windows)
    for _ in range(2):
        assert len(windows_cache.cached_windows(counted, EXAMPLES, tokenizer, SETTINGS, print)) > 1
    assert calls == [2, 2]


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    for number in range(3):
        folder = cache_root("windows") / str(number)
        folder.mkdir(parents=True)
        (folder / "data").write_bytes(b"x" * 8192)
        os.utime(folder, (number, number))
    forget_oldest("windows", cache_root("windows") / "0", most_bytes=9000)
    assert sorted(folder.name for folder in cache_root("windows").iterdir()) == ["0", "2"]
