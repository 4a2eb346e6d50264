"""Sample questions for the Ask screen, from the bundled data set."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.zoo.demo import dataset_file

STEP = 37
"""Questions passed over from one sample to the next, so that neighbours come from different texts."""


@dataclass(frozen=True)
class Sample:
    """A question with its context and the answers people gave."""

    question: str
    context: str
    answers: tuple[str, ...]


def sample(number: int) -> Sample:
    """The sample of this number; they repeat after all of them."""
    samples = _read(dataset_file("validation"))
    return samples[number * STEP % len(samples)]


@lru_cache(maxsize=1)
def _read(path: Path) -> list[Sample]:
    data = path.read_bytes()
    content: Any = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    paragraphs = [paragraph for article in content["data"] for paragraph in article["paragraphs"]]
    return [_sample(entry, paragraph["context"]) for paragraph in paragraphs for entry in paragraph["qas"]]


def _sample(entry: dict[str, Any], context: str) -> Sample:
    texts = tuple(dict.fromkeys(answer["text"] for answer in entry.get("answers", ())))
    return Sample(entry["question"], context, texts)
