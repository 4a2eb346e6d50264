"""The pipeline's windows and answers on the recorded questions: tokens, character spans, predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.pipeline.windows import Window, cut_windows, load_tokenizer
from engine.question_answering.spans import SpanSettings, WindowLogits, decode


@pytest.mark.parametrize(("case", "length", "stride"), [("l64", 64, 16), ("l128", 128, 32)])
def test_windows_and_answers_are_those_recorded(
    golden_dir: Path, data_dir: Path, case: str, length: int, stride: int
) -> None:
    recorded = json.loads((golden_dir / "squad.json").read_text())
    arrays = load_file(golden_dir / "squad.safetensors")
    tokenizer = load_tokenizer(data_dir / "tokenizer" / "bert-base-uncased-tokenizer.json")
    owners = next(item for item in recorded["cases"] if item["id"] == case)["example_of_feature"]
    runs = [item for item in next(c for c in recorded["cases"] if c["id"] == case)["runs"] if not item["version_2"]]
    assert runs
    feature = 0
    for example in recorded["examples"]:
        windows = cut_windows(tokenizer, example["question"], example["context"], length, stride)
        logits: list[WindowLogits] = []
        for window in windows:
            assert owners[feature] == example["id"]
            _check(window, arrays, case, feature)
            # The recorded logits go on over the padding, where they take part in the choice of the best positions.
            padding = ((0, length - len(window.ids)), (0, 0))
            start, end = (arrays[f"{case}.{side}_logits"][feature] for side in ("start", "end"))
            logits.append(WindowLogits(start, end, np.pad(window.offsets, padding, constant_values=-1)))
            feature += 1
        for run in runs:
            settings = SpanSettings(run["n_best_size"], run["max_answer_length"])
            assert decode(example["context"], logits, settings).answer == run["predictions"][example["id"]]
    assert feature == len(owners) > 60


def _check(window: Window, arrays: dict[str, np.ndarray], case: str, feature: int) -> None:
    count = len(window.ids)
    np.testing.assert_array_equal(window.ids, arrays[f"{case}.input_ids"][feature, :count])
    np.testing.assert_array_equal(window.types, arrays[f"{case}.token_type_ids"][feature, :count])
    np.testing.assert_array_equal(window.offsets, arrays[f"{case}.offsets"][feature, :count])
    assert arrays[f"{case}.attention_mask"][feature].sum() == count
