"""From start and end logits to answers: the post-processing of extractive question answering, numpy only.

A context that is longer than the model's input is read in several overlapping windows; the candidates of all windows of
a question compete with each other. The rules are those of the Hugging Face question-answering example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

_Array = np.ndarray


@dataclass(frozen=True)
class WindowLogits:
    """What a model said about one window, and where the window's tokens are in the context.

    `start_logits` and `end_logits` have shape [length]; `offsets` has shape [length, 2]: first character and the
    one after the last, or -1 for a token that is not part of the context (question, special tokens, padding).
    """

    start_logits: _Array
    end_logits: _Array
    offsets: _Array


@dataclass(frozen=True)
class SpanSettings:
    """How candidates are chosen.

    `n_best_size` start and end positions are tried, and as many candidates kept; `max_answer_length` is in tokens;
    `version_2` lets the empty answer win where its score is better than the best span's by more than
    `null_score_diff_threshold`; `placeholder` is the text of the candidate that stands in where there is none.
    """

    n_best_size: int = 20
    max_answer_length: int = 30
    version_2: bool = False
    null_score_diff_threshold: float = 0.0
    placeholder: str = "empty"


@dataclass(frozen=True)
class Candidate:
    """One possible answer: its text, its characters `start` to `end` (excluded) in the context, and how sure it is."""

    text: str
    start: int
    end: int
    start_logit: float
    end_logit: float
    probability: float = 0.0


@dataclass(frozen=True)
class Decoded:
    """The answer to one question.

    `answer` is its text, `best` its candidate; `candidates` are best first, with probabilities that sum to one;
    `null_odds` is the score of "no answer" less the best span's score, and None where `version_2` is off.
    """

    answer: str
    candidates: tuple[Candidate, ...]
    null_odds: float | None = None

    @property
    def best(self) -> Candidate:
        """The candidate that is the answer (the first one with the answer's text)."""
        return next((item for item in self.candidates if item.text == self.answer), self.candidates[0])


@dataclass(frozen=True)
class _Spans:
    """Candidates as parallel arrays, one entry a span; `null` marks the empty answer."""

    start: _Array
    end: _Array
    start_logit: _Array
    end_logit: _Array
    null: _Array

    def score(self) -> _Array:
        return self.start_logit + self.end_logit

    def take(self, order: _Array) -> _Spans:
        return _Spans(*(values[order] for values in _fields(self)))


def decode(context: str, windows: Sequence[WindowLogits], settings: SpanSettings | None = None) -> Decoded:
    """Choose the answer of one question from the logits of all its windows.

    The score of a span is the sum of its start and end logit; the null score of a window is the score of its first
    token, and that of the question the smallest one. Logits that are not finite are never chosen.
    """
    settings = settings or SpanSettings()
    found = [_window_spans(window, settings) for window in windows]
    null = _null_span(windows) if settings.version_2 else None
    spans = _concatenate([*found, null] if null is not None else found)
    kept = spans.take(np.argsort(-spans.score(), kind="stable")[: settings.n_best_size])
    if null is not None and not kept.null.any():
        kept = _concatenate([kept, null])
    candidates = _candidates(context, kept, settings.placeholder)
    if null is None:
        return Decoded(candidates[0].text, candidates)
    return _decide(candidates, float(null.score()[0]), settings)


def _window_spans(window: WindowLogits, settings: SpanSettings) -> _Spans:
    """All valid spans among the best start and end positions of one window, in the order of those positions."""
    starts = _best_positions(window.start_logits, settings.n_best_size)
    ends = _best_positions(window.end_logits, settings.n_best_size)
    start, end = (grid.ravel() for grid in np.meshgrid(starts, ends, indexing="ij"))
    length = end - start + 1
    inside = (start < len(window.offsets)) & (end < len(window.offsets))
    start, end, length = start[inside], end[inside], length[inside]
    in_context = (window.offsets[start, 0] >= 0) & (window.offsets[end, 0] >= 0)
    valid = in_context & (length >= 1) & (length <= settings.max_answer_length)
    start, end = start[valid], end[valid]
    return _Spans(
        window.offsets[start, 0],
        window.offsets[end, 1],
        window.start_logits[start],
        window.end_logits[end],
        np.zeros(len(start), dtype=bool),
    )


def _best_positions(logits: _Array, count: int) -> _Array:
    order = np.argsort(np.where(np.isfinite(logits), logits, -np.inf), kind="stable")[::-1][:count]
    return order[np.isfinite(logits[order])]


def _null_span(windows: Sequence[WindowLogits]) -> _Spans | None:
    scores = [window.start_logits[0] + window.end_logits[0] for window in windows if len(window.start_logits)]
    finite = [(score, index) for index, score in enumerate(scores) if np.isfinite(score)]
    if not finite:
        return None
    window = windows[min(finite)[1]]
    zero = np.zeros(1, dtype=np.int64)
    return _Spans(zero, zero, window.start_logits[:1], window.end_logits[:1], np.ones(1, dtype=bool))


def _candidates(context: str, spans: _Spans, placeholder: str) -> tuple[Candidate, ...]:
    found = [_candidate(context, *row) for row in zip(*(values.tolist() for values in _fields(spans)[:4]), strict=True)]
    scores = spans.score()
    if all(item.text == "" for item in found) and len(found) < 2:
        found.insert(0, Candidate(placeholder, 0, 0, 0.0, 0.0))
        scores = np.concatenate([np.zeros(1, dtype=scores.dtype), scores])
    exponents = np.exp(scores - np.max(scores))
    probabilities = (exponents / exponents.sum()).tolist()
    return tuple(replace(item, probability=p) for item, p in zip(found, probabilities, strict=True))


def _candidate(context: str, start: int, end: int, start_logit: float, end_logit: float) -> Candidate:
    return Candidate(context[start:end], start, end, start_logit, end_logit)


def _decide(candidates: tuple[Candidate, ...], null_score: float, settings: SpanSettings) -> Decoded:
    best = next((item for item in candidates if item.text), None)
    if best is None:
        return Decoded("", candidates, 0.0)
    odds = null_score - best.start_logit - best.end_logit
    return Decoded("" if odds > settings.null_score_diff_threshold else best.text, candidates, odds)


def _fields(spans: _Spans) -> tuple[_Array, _Array, _Array, _Array, _Array]:
    return spans.start, spans.end, spans.start_logit, spans.end_logit, spans.null


def _concatenate(parts: Sequence[_Spans]) -> _Spans:
    if not parts:
        empty = np.zeros(0, dtype=np.int64)
        return _Spans(empty, empty, empty.astype(np.float32), empty.astype(np.float32), empty.astype(bool))
    return _Spans(*(np.concatenate(values) for values in zip(*(_fields(part) for part in parts), strict=True)))
