"""From logits to answers, where golden values do not reach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.question_answering.spans import SpanSettings, WindowLogits, decode

CONTEXT = "one two three four"
OFFSETS = np.array([[-1, -1], [-1, -1], [0, 3], [4, 7], [8, 13], [14, 18], [-1, -1]])


def window(start: dict[int, float], end: dict[int, float], null: float = -9.0) -> WindowLogits:
    logits = [np.full(len(OFFSETS), -10.0, dtype=np.float32) for _ in range(2)]
    for array, values in zip(logits, (start, end), strict=True):
        array[0] = null / 2
        for place, value in values.items():
            array[place] = value
    return WindowLogits(logits[0], logits[1], OFFSETS)


def test_finds_the_best_span_with_its_characters() -> None:
    found = decode(CONTEXT, [window({3: 5.0}, {4: 6.0})])
    assert (found.answer, found.best.start, found.best.end) == ("two three", 4, 13)
    assert (found.best.start_logit, found.best.end_logit) == (5.0, 6.0)
    assert sum(item.probability for item in found.candidates) == pytest.approx(1.0, abs=1e-6)


def test_windows_compete() -> None:
    assert decode(CONTEXT, [window({2: 1.0}, {2: 1.0}), window({5: 2.0}, {5: 2.0})]).answer == "four"


def test_end_before_start_and_too_long_spans_are_no_answers() -> None:
    assert decode(CONTEXT, [window({4: 9.0}, {2: 9.0, 4: 1.0})]).answer == "three"
    assert (
        decode(CONTEXT, [window({2: 9.0, 4: 1.0}, {5: 9.0})], SpanSettings(max_answer_length=2)).answer == "three four"
    )


def test_nothing_to_choose_from_gives_the_placeholder() -> None:
    empty = decode(CONTEXT, [])
    assert (empty.answer, empty.candidates[0].probability) == ("empty", 1.0)
    assert decode(CONTEXT, [], SpanSettings(placeholder="")).answer == ""


def test_logits_that_are_no_numbers_are_never_chosen() -> None:
    broken = window({2: np.nan, 3: 1.0}, {2: np.inf, 3: 1.0})
    assert decode(CONTEXT, [broken]).answer == "two"
    lost = WindowLogits(*(np.full(len(OFFSETS), np.nan, dtype=np.float32) for _ in range(2)), OFFSETS)
    assert decode(CONTEXT, [lost], SpanSettings(version_2=True)).answer == "empty"


def test_no_answer_wins_by_the_threshold() -> None:
    spans = [window({3: 2.0}, {3: 2.0}, null=5.0)]
    found = decode(CONTEXT, spans, SpanSettings(version_2=True))
    assert (found.answer, found.null_odds) == ("", 1.0)
    assert found.best.text == ""
    assert decode(CONTEXT, spans, SpanSettings(version_2=True, null_score_diff_threshold=1.0)).answer == "two"
    assert decode(CONTEXT, spans).null_odds is None


def test_the_smallest_null_score_of_all_windows_counts() -> None:
    spans = [window({3: 2.0}, {3: 2.0}, null=8.0), window({}, {}, null=1.0)]
    assert decode(CONTEXT, spans, SpanSettings(version_2=True)).null_odds == -3.0


def test_no_answer_stays_among_the_candidates_when_others_are_better() -> None:
    found = decode(CONTEXT, [window({2: 3.0, 3: 2.0}, {2: 3.0, 3: 2.0})], SpanSettings(n_best_size=1, version_2=True))
    assert [item.text for item in found.candidates] == ["one", ""]


@given(
    st.lists(st.tuples(*[st.floats(-20, 20, width=32)] * 2), min_size=7, max_size=7), st.integers(1, 4), st.booleans()
)
def test_every_candidate_is_a_piece_of_the_context(
    logits: list[tuple[float, float]], longest: int, version_2: bool
) -> None:
    start, end = (np.array(values, dtype=np.float32) for values in zip(*logits, strict=True))
    settings = SpanSettings(max_answer_length=longest, version_2=version_2)
    found = decode(CONTEXT, [WindowLogits(start, end, OFFSETS)], settings)
    assert all(item.text == CONTEXT[item.start : item.end] for item in found.candidates)
    assert all(len(item.text.split()) <= longest for item in found.candidates)
    probabilities = [item.probability for item in found.candidates]
    kept = probabilities[:-1] if version_2 else probabilities
    assert kept == sorted(kept, reverse=True)
