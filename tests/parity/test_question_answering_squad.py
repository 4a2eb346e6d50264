"""Windows, labels, answers and scores against values measured on the original."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.question_answering.examples import Answer, Example
from engine.question_answering.features import Windows, WindowSettings, training_windows
from engine.question_answering.metrics import score_v1, score_v2, squad_v1, squad_v2
from engine.question_answering.spans import Decoded, SpanSettings, WindowLogits, decode


@pytest.fixture(scope="module")
def golden(golden_dir: Path) -> dict[str, Any]:
    return json.loads((golden_dir / "squad.json").read_text())


@pytest.fixture(scope="module")
def tensors(golden_dir: Path) -> dict[str, np.ndarray]:
    return load_file(golden_dir / "squad.safetensors")


@pytest.fixture(scope="module")
def tokenizer(data_dir: Path) -> Any:
    from transformers import BertTokenizerFast

    file = data_dir / "tokenizer" / "bert-base-uncased-tokenizer.json"
    return BertTokenizerFast(tokenizer_file=str(file), model_max_length=512)


def case_of(golden: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in golden["cases"] if item["id"] == name)


def windows_of(golden: dict[str, Any], name: str, tokenizer: Any) -> Windows:
    case = case_of(golden, name)
    examples = [
        Example(item["id"], item["question"], item["context"], tuple(map(Answer, *item["answers"].values())))
        for item in golden["examples"]
    ]
    settings = WindowSettings(case["max_seq_length"], case["doc_stride"])
    said: list[str] = []
    windows = training_windows(examples, tokenizer, settings.resolve(tokenizer, said.append), said.append)
    assert said == []
    return windows


@pytest.mark.parametrize("name", ["l64", "l128"])
def test_windows_are_the_same(golden: Any, tensors: dict[str, np.ndarray], tokenizer: Any, name: str) -> None:
    windows = windows_of(golden, name, tokenizer)
    case = case_of(golden, name)
    assert [golden["examples"][index]["id"] for index in windows.example] == case["example_of_feature"]
    for index, offsets in enumerate(windows.offsets):
        length = len(offsets)
        np.testing.assert_array_equal(tensors[f"{name}.offsets"][index, :length], offsets)
        assert (tensors[f"{name}.offsets"][index, length:] == -1).all()
        for column in ("input_ids", "token_type_ids", "attention_mask"):
            expected = tensors[f"{name}.{column}"][index]
            np.testing.assert_array_equal(expected[:length], windows.inputs[column][index])
            assert not expected[length:].any()


@pytest.mark.parametrize("name", ["l64", "l128"])
def test_labels_are_the_same_but_for_the_defect(golden: Any, tokenizer: Any, name: str) -> None:
    windows = windows_of(golden, name, tokenizer)
    case = case_of(golden, name)
    meant = list(case["start_positions"])
    for defect in case["label_defects"]:
        meant[defect["feature"]] = defect["meant_start_position"]
    assert windows.start == meant
    assert windows.end == case["end_positions"]


@pytest.mark.parametrize("name", ["l64", "l128"])
@pytest.mark.parametrize("number", range(9))
def test_answers_and_scores_are_the_same(golden: Any, tensors: dict[str, np.ndarray], name: str, number: int) -> None:
    case = case_of(golden, name)
    run = case["runs"][number]
    names = ("n_best_size", "max_answer_length", "version_2", "null_score_diff_threshold")
    settings = SpanSettings(**{field: run[field] for field in names})
    found = decoded(golden, case, tensors, settings)
    answers = {key: item.answer for key, item in found.items()}
    assert answers == run["predictions"]
    for key, candidates in run["nbest"].items():
        compare_candidates(found[key], candidates)
    if run["version_2"]:
        odds = {key: item.null_odds for key, item in found.items()}
        assert odds == pytest.approx(run["null_odds"], rel=1e-5, abs=1e-6)
    compare_scores(golden, run, answers)


def decoded(golden: Any, case: Any, tensors: dict[str, np.ndarray], settings: SpanSettings) -> dict[str, Decoded]:
    grouped: dict[str, list[WindowLogits]] = {}
    columns = [tensors[f"{case['id']}.{name}"] for name in ("start_logits", "end_logits", "offsets")]
    for index, key in enumerate(case["example_of_feature"]):
        grouped.setdefault(key, []).append(WindowLogits(*(column[index] for column in columns)))
    return {item["id"]: decode(item["context"], grouped[item["id"]], settings) for item in golden["examples"]}


def compare_candidates(found: Decoded, expected: list[list[Any]]) -> None:
    assert [item.text for item in found.candidates] == [row[0] for row in expected]
    for item, (_, start, end, probability) in zip(found.candidates, expected, strict=True):
        assert (item.start_logit, item.end_logit) == (start, end)
        assert item.probability == pytest.approx(probability, rel=1e-5, abs=1e-6)


def compare_scores(golden: Any, run: dict[str, Any], answers: dict[str, str]) -> None:
    references = {item["id"]: item["answers"]["text"] for item in golden["examples"]}
    total, single = (squad_v2, score_v2) if run["version_2"] else (squad_v1, score_v1)
    scores = total(references, answers)
    assert {name: scores[name] for name in run["metrics"]} == pytest.approx(run["metrics"], abs=1e-9)
    assert single(references, answers).exact == run["exact"]
    assert single(references, answers).f1 == pytest.approx(run["f1"], abs=1e-9)
