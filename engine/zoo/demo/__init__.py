"""The demo zoo: a small question-answering set, a small teacher and two recipes that work with no network."""

from __future__ import annotations

from pathlib import Path

from engine.errors import UserError

DATA = Path(__file__).parent / "data"
"""Folder of everything that is shipped with the package."""

DATASET = "datasets/facts"
FAMILY = "nlp/question_answering/bert-demo/pytorch/huggingface/facts"
TEACHER_TRAINING = f"{FAMILY}/base-none/training"

_SPLITS = {"train": "train", "validation": "validation", "dev": "validation"}


def dataset_file(split: str) -> Path:
    """The facts questions of one split ("train" or "validation"): nested SQuAD JSON, gzipped."""
    if split not in _SPLITS:
        raise UserError(f"the facts data set has no split {split!r}", "take train or validation")
    return DATA / DATASET / f"{_SPLITS[split]}.json.gz"
