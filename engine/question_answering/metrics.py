"""The official SQuAD scores, versions 1.1 and 2.0, with the standard library only.

The two versions normalise alike but differ where a normalised text is empty: version 1.1 gives two empty texts an F1 of
0, version 2.0 an F1 of 1, and version 2.0 leaves out references that are empty after normalisation.
Source: evaluate-v1.1.py and evaluate-v2.0.py of the SQuAD authors.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

References = Mapping[str, Sequence[str]]
"""Question id → texts that are right; no text: the question has no answer."""


@dataclass(frozen=True)
class QuestionScores:
    """Scores of each question (0…1) by its id, and the ids that no prediction was given for (they count as 0)."""

    exact: dict[str, float]
    f1: dict[str, float]
    missing: tuple[str, ...]


def normalize(text: str) -> str:
    """Lower case, without punctuation, without the articles a, an, the, and with single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def squad_v1(references: References, predictions: Mapping[str, str]) -> dict[str, float]:
    """`exact_match` and `f1` in percent over the questions that have answers."""
    scores = score_v1(references, predictions)
    total = max(len(scores.exact), 1)
    return {
        "exact_match": 100.0 * sum(scores.exact.values()) / total,
        "f1": 100.0 * sum(scores.f1.values()) / total,
        "total": len(scores.exact),
    }


def squad_v2(
    references: References, predictions: Mapping[str, str], no_answer_scores: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The scores of version 2.0 in percent: `exact f1 total HasAns_* NoAns_* best_*`; `exact_match` is `exact` again.

    `no_answer_scores` (id → how likely it is that the question has no answer, in any rising unit; null odds will do)
    moves the `best_*` thresholds; without it all are 0, as in the original.
    """
    scores = score_v2(references, predictions)
    answerable = {key: any(normalize(text) for text in texts) for key, texts in references.items()}
    result = _section(scores, list(references), "")
    for prefix, wanted in (("HasAns_", True), ("NoAns_", False)):
        if keys := [key for key, has_answer in answerable.items() if has_answer is wanted]:
            result.update(_section(scores, keys, prefix))
    ranking = no_answer_scores or {}
    for name, values in (("exact", scores.exact), ("f1", scores.f1)):
        best, threshold = _best_threshold(values, predictions, ranking, answerable)
        result[f"best_{name}"], result[f"best_{name}_thresh"] = best, threshold
    result["exact_match"] = result["exact"]
    return result


def score_v1(references: References, predictions: Mapping[str, str]) -> QuestionScores:
    """Scores of version 1.1 for each question that has an answer."""
    return _score({key: texts for key, texts in references.items() if texts}, predictions, _f1_v1)


def score_v2(references: References, predictions: Mapping[str, str]) -> QuestionScores:
    """Scores of version 2.0 for each question; one without answers wants the empty text."""
    return _score({key: _golds_v2(texts) for key, texts in references.items()}, predictions, _f1_v2)


def _golds_v2(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if normalize(text)] or [""]


def _score(
    references: References, predictions: Mapping[str, str], token_f1: Callable[[str, str], float]
) -> QuestionScores:
    exact = dict.fromkeys(references, 0.0)
    f1 = dict.fromkeys(references, 0.0)
    for key, texts in references.items():
        if key in predictions:
            guess = normalize(predictions[key])
            golds = [normalize(text) for text in texts]
            exact[key] = max(float(gold == guess) for gold in golds)
            f1[key] = max(token_f1(gold, guess) for gold in golds)
    return QuestionScores(exact, f1, tuple(key for key in references if key not in predictions))


def _f1_v1(gold: str, guess: str) -> float:
    gold_tokens, guess_tokens = gold.split(), guess.split()
    common = sum((Counter(gold_tokens) & Counter(guess_tokens)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(guess_tokens), common / len(gold_tokens)
    return 2 * precision * recall / (precision + recall)


def _f1_v2(gold: str, guess: str) -> float:
    return _f1_v1(gold, guess) if gold and guess else float(gold == guess)


def _section(scores: QuestionScores, keys: Sequence[str], prefix: str) -> dict[str, float]:
    total = max(len(keys), 1)
    return {
        f"{prefix}exact": 100.0 * sum(scores.exact[key] for key in keys) / total,
        f"{prefix}f1": 100.0 * sum(scores.f1[key] for key in keys) / total,
        f"{prefix}total": len(keys),
    }


def _best_threshold(
    scores: Mapping[str, float],
    predictions: Mapping[str, str],
    ranking: Mapping[str, float],
    answerable: Mapping[str, bool],
) -> tuple[float, float]:
    """The best score in percent if every question ranked above a threshold were given no answer, and that threshold."""
    current = best = float(len(scores) - sum(answerable.values()))
    threshold = 0.0
    for key in sorted(scores, key=lambda item: ranking.get(item, 0.0)):
        current += scores[key] if answerable[key] else -1.0 if predictions.get(key) else 0.0
        if current > best:
            best, threshold = current, ranking.get(key, 0.0)
    return 100.0 * best / max(len(scores), 1), threshold
