"""Answers of a model to a set of questions, their scores, and the files they are written to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.question_answering.collate import Collator
from engine.question_answering.examples import ExampleSet
from engine.question_answering.features import Windows
from engine.question_answering.metrics import squad_v1, squad_v2
from engine.question_answering.spans import Decoded, SpanSettings, WindowLogits, decode

LogitsFunction = Callable[[dict[str, np.ndarray]], tuple[np.ndarray, np.ndarray]]
"""A batch of inputs [batch, length] → start and end logits [batch, length]."""


@dataclass
class Predictions:
    """What was answered, by question id: `answers` (text), `nbest` (candidates) and, in version 2, `null_odds`."""

    answers: dict[str, str] = field(default_factory=dict)
    nbest: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    null_odds: dict[str, float] = field(default_factory=dict)

    def add(self, key: str, decoded: Decoded) -> None:
        self.answers[key] = decoded.answer
        self.nbest[key] = [
            {
                "start_logit": candidate.start_logit,
                "end_logit": candidate.end_logit,
                "text": candidate.text,
                "probability": candidate.probability,
            }
            for candidate in decoded.candidates
        ]
        if decoded.null_odds is not None:
            self.null_odds[key] = decoded.null_odds

    def write(self, folder: Path, prefix: str) -> None:
        """Write `<prefix>_predictions.json`, `<prefix>_nbest_predictions.json` and `<prefix>_null_odds.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        contents: dict[str, Mapping[str, Any]] = {"predictions": self.answers, "nbest_predictions": self.nbest}
        if self.null_odds:
            contents["null_odds"] = self.null_odds
        for name, content in contents.items():
            text = json.dumps(content, indent=4, ensure_ascii=False)
            (folder / f"{prefix}_{name}.json").write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True)
class QuestionSet:
    """Questions together with the windows a model reads, and how its logits become answers."""

    examples: ExampleSet
    windows: Windows
    collator: Collator
    settings: SpanSettings

    def predict(
        self, logits: LogitsFunction, batch_size: int, on_batch: Callable[[int, int], None] = lambda done, total: None
    ) -> Predictions:
        """Answer every question; `on_batch` hears how many of the windows are done."""
        return self.decode(self.logits(logits, batch_size, on_batch))

    def logits(
        self, logits: LogitsFunction, batch_size: int, on_batch: Callable[[int, int], None] = lambda done, total: None
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Start and end logits of each window, without its padding."""
        lengths = [len(offsets) for offsets in self.windows.offsets]
        # Windows of like length go together, so that little is spent on padding.
        order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
        found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for begin in range(0, len(order), batch_size):
            chosen = order[begin : begin + batch_size]
            items = [self._inputs(index) for index in chosen]
            start, end = logits(self.collator.arrays(items))
            for row, (index, item) in enumerate(zip(chosen, items, strict=True)):
                first = self.collator.shift(item, start.shape[1])
                cut = slice(first, first + lengths[index])
                found[index] = (start[row, cut], end[row, cut])
            on_batch(begin + len(chosen), len(order))
        return [found[index] for index in range(len(order))]

    def padded(self, index: int, length: int) -> dict[str, np.ndarray]:
        """One window as a batch of one, padded to `length`: int64 arrays [1, length]."""
        return self.collator.arrays([self._inputs(index)], length)

    def _inputs(self, index: int) -> dict[str, np.ndarray]:
        return {name: values[index] for name, values in self.windows.inputs.items()}

    def decode(self, logits: list[tuple[np.ndarray, np.ndarray]]) -> Predictions:
        """The answers that logits (one pair a window) stand for."""
        grouped: dict[int, list[WindowLogits]] = {}
        for index, (start, end) in enumerate(logits):
            window = WindowLogits(start, end, self.windows.offsets[index])
            grouped.setdefault(self.windows.example[index], []).append(window)
        predictions = Predictions()
        for number, example in enumerate(self.examples.examples):
            # Cutting the windows to a number may leave questions without any: nothing was read, nothing is answered.
            if number in grouped:
                predictions.add(example.id, decode(example.context, grouped[number], self.settings))
        return predictions

    def score(self, predictions: Predictions) -> dict[str, float]:
        """The official scores of `predictions` in percent."""
        references = {key: texts for key, texts in self.examples.references().items() if key in predictions.answers}
        if self.settings.version_2:
            return squad_v2(references, predictions.answers, predictions.null_odds)
        return squad_v1(references, predictions.answers)
