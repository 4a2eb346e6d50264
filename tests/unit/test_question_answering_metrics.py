"""The official scores, where the two versions of SQuAD differ, and prediction files scored by the program."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.question_answering.metrics import normalize, score_v1, score_v2, squad_v1, squad_v2


def test_normalises_case_punctuation_articles_and_spaces() -> None:
    assert normalize("  The  cat's -- an A-team! ") == "cats ateam"


def test_f1_counts_repeated_words_once_each() -> None:
    scores = score_v1({"q": ["red red blue"]}, {"q": "red blue blue"})
    assert scores.exact == {"q": 0.0}
    assert scores.f1["q"] == pytest.approx(2 / 3)


def test_best_reference_counts() -> None:
    assert squad_v1({"q": ["a dog", "the cat"]}, {"q": "cat"}) == {"exact_match": 100.0, "f1": 100.0, "total": 1}


def test_versions_differ_where_a_normalised_text_is_empty() -> None:
    references, predictions = {"q": ["the"]}, {"q": "a"}
    assert (score_v1(references, predictions).exact["q"], score_v1(references, predictions).f1["q"]) == (1.0, 0.0)
    # Version 2 drops the empty reference: the question then has no answer, and an empty prediction is right.
    assert (score_v2(references, predictions).exact["q"], score_v2(references, predictions).f1["q"]) == (1.0, 1.0)
    assert score_v2({"q": ["the", "cat"]}, predictions).exact["q"] == 0.0


def test_version_1_leaves_out_questions_without_answers() -> None:
    assert squad_v1({"q": ["cat"], "none": []}, {"q": "cat", "none": ""})["total"] == 1


def test_missing_predictions_count_as_wrong_in_both_versions() -> None:
    references = {"q": ["cat"], "none": []}
    assert squad_v1(references, {})["exact_match"] == 0.0
    scores = squad_v2(references, {"q": "cat"})
    assert (scores["exact"], scores["HasAns_exact"], scores["NoAns_exact"], scores["total"]) == (50.0, 100.0, 0.0, 2)


def test_best_threshold_turns_doubtful_answers_into_none() -> None:
    references = {"sure": ["cat"], "none": []}
    predictions = {"sure": "cat", "none": "dog"}
    scores = squad_v2(references, predictions, {"sure": -5.0, "none": 3.0})
    assert scores["exact"] == 50.0
    assert (scores["best_exact"], scores["best_exact_thresh"]) == (100.0, -5.0)


def test_without_scores_of_no_answer_thresholds_are_zero() -> None:
    scores = squad_v2({"q": ["cat"], "none": []}, {"q": "cat", "none": ""})
    assert (scores["best_f1"], scores["best_f1_thresh"]) == (100.0, 0.0)


@pytest.mark.parametrize(
    ("predictions", "questions", "version_2", "expected"),
    [
        ("dev-v1.1.bert-ensemble", "dev-v1.1", False, (86.206, 92.196)),
        ("dev-v1.1.logistic-regression", "dev-v1.1", False, (40.142, 50.982)),
        ("dev-v2.0.bert-single", "dev-v2.0", True, (78.742, 81.775)),
    ],
)
def test_published_predictions_get_their_published_scores(
    data_dir: Path, predictions: str, questions: str, version_2: bool, expected: tuple[float, float]
) -> None:
    folder = data_dir / "squad"
    result, loaded = run_program(
        folder / "predictions" / f"{predictions}.json.gz", folder / f"{questions}.json.gz", version_2
    )
    assert (round(result["exact_match"], 3), round(result["f1"], 3)) == expected
    assert {"HasAns_f1", "NoAns_f1", "best_f1", "exact", "total"} <= set(result) or not version_2
    assert not loaded & {"torch", "transformers", "numpy", "datasets"}


def run_program(predictions: Path, questions: Path, version_2: bool) -> tuple[dict[str, float], set[str]]:
    """What the program prints, and the packages it loaded for that."""
    script = (
        "import sys; from engine.question_answering.evaluate import main; code = main(sys.argv[1:]); "
        "print(' '.join(sys.modules)); sys.exit(code)"
    )
    flags = ["--predictions_file", str(predictions), "--validation-file", str(questions), "--json"]
    flags += ["--version_2_with_negative"] if version_2 else []
    done = subprocess.run([sys.executable, "-c", script, *flags], capture_output=True, text=True, check=True)
    scores, modules = done.stdout.splitlines()
    return json.loads(scores), set(modules.split())


def test_wrong_prediction_files_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from engine.question_answering.evaluate import main

    dev = tmp_path / "dev.json"
    dev.write_text(
        json.dumps([{"id": "q", "question": "?", "context": "cat", "answers": {"text": ["cat"], "answer_start": [0]}}])
    )
    for content, word in (
        (b'["cat"]', "not a JSON object"),
        (b'{"other": "cat"}', "no answer to any question"),
        (b'{"q": ["cat"]}', "is not text"),
        (b'{"q": ', "broken JSON"),
        (gzip.compress(b'{"q": "cat"}', mtime=0)[:-9], "cut off"),
    ):
        file = tmp_path / "predictions.json"
        file.write_bytes(content)
        assert main(["--predictions_file", str(file), "--validation_file", str(dev)]) == 2
        said = capsys.readouterr().err
        assert word in said
        assert said.count("\n") == 1
    assert main(["--validation_file", str(dev)]) == 2
    assert "nothing to evaluate" in capsys.readouterr().err
