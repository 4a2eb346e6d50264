"""Data, checkpoints and calls that cannot be: one line each, and nothing is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from engine.errors import UserError
from engine.question_answering.data import read_examples
from engine.question_answering.examples import Answer, Example
from engine.question_answering.features import WindowSettings, training_windows
from engine.runs.paths import runs_root
from tests.functional.test_question_answering_train import LENGTHS, create, events, files, row, run_here, stop_when

__all__ = ["files", "row"]


def shifted(name: str, place: str, by: int = 3) -> dict[str, Any]:
    made = row(name, place)
    made["answers"]["answer_start"] = [start + by for start in made["answers"]["answer_start"]]
    return made


def test_broken_offsets_are_counted_and_named(tmp_path: Path) -> None:
    file = tmp_path / "train.json"
    wrong = [shifted("anna", place) for place in ("london", "paris", "berlin")] + [shifted("marie", "london")]
    file.write_text(json.dumps([row("marie", "paris"), *wrong]))
    (note,) = read_examples(file, "train").notes
    assert note == (
        f"{file}: answer_start does not point at the answer's text in 4 of 5 questions "
        "(anna-london, anna-paris, anna-berlin, …); they are used as they are"
    )
    file.write_text(json.dumps(wrong[:2]))
    with pytest.raises(UserError, match=r"in 2 of 2 questions \(anna-london, anna-paris\)"):
        read_examples(file, "train")
    # Scores compare texts: where an answer stands does not matter.
    assert len(read_examples(file, "evaluate").examples) == 2


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "the file is empty"),
        ("[]", "no questions in it"),
        (
            json.dumps([shifted("anna", "paris")]),
            "answer_start does not point at the answer's text in 1 of 1 questions",
        ),
    ],
)
def test_the_command_refuses_bad_data(files: Path, tmp_path: Path, content: str, line: str) -> None:
    data = tmp_path / "train.json"
    data.write_text(content)
    command = [sys.executable, "-m", "sqa_tui", "train", "--model_name_or_path", str(files / "model"), "--do_train"]
    done = subprocess.run([*command, "--train_file", str(data)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert next(text for text in done.stderr.splitlines() if text.startswith("error")).startswith(
        f"error: {data}: {line}"
    )
    assert done.stderr.count("error") == 1
    assert not runs_root().exists()


def test_a_context_of_a_million_characters(files: Path) -> None:
    from transformers import AutoTokenizer

    filler = "the old city was built by anna . "
    context = filler * (1_000_000 // len(filler)) + "marie lives in paris ."
    example = Example("far", "where marie lives ?", context, (Answer("paris", context.index("paris")),))
    windows = training_windows([example], AutoTokenizer.from_pretrained(files / "model"), WindowSettings(48, 8), print)
    assert max(len(row) for row in windows.inputs["input_ids"]) == 48
    # Every character is read, and the answer is labelled where it stands, at the very end.
    ends = [int(offsets.max()) for offsets in windows.offsets]
    assert ends[-1] == len(context)
    labelled = [index for index, start in enumerate(windows.start) if start > 0]
    offsets = windows.offsets[labelled[-1]]
    first, last = windows.start[labelled[-1]], windows.end[labelled[-1]]
    assert context[offsets[first, 0] : offsets[last, 1]] == "paris"
    assert np.all(np.diff(ends) >= 0)


def test_a_stride_that_is_no_stride_is_shortened_and_said(files: Path) -> None:
    directory = create(files, "--max_steps", "1", "--save_strategy", "no", "--doc_stride", "64", recipe=False)
    run_here(directory)
    said = [event["message"] for event in events(directory, "alert")]
    assert "doc_stride 64 does not go with max_seq_length 32; 9 is used" in said


def test_a_named_checkpoint_of_another_recipe(files: Path, tmp_path: Path) -> None:
    directory = create(files, "--save_strategy", "no")
    run_here(directory, stop_when("metric", 2))
    other = tmp_path / "other.yaml"
    other.write_text((files / "recipe.yaml").read_text().replace("0.8", "0.5"))
    named = ["--resume_from_checkpoint", str(directory.output / "checkpoint-2"), "--recipe", str(other)]
    refused = create(files, *named)
    with pytest.raises(UserError, match="checkpoint-2 is of a run with another recipe"):
        run_here(refused)
    assert not refused.output.exists()


def test_a_checkpoint_by_time(files: Path) -> None:
    """Every step takes longer than a microsecond."""
    directory = create(files, "--max_steps", "3", "--save_strategy", "no", "--save_minutes", "1e-8", recipe=False)
    run_here(directory)
    assert sorted(path.name for path in directory.output.glob("checkpoint-*")) == [
        "checkpoint-1",
        "checkpoint-2",
        "checkpoint-3",
    ]


def test_training_is_a_function_of_python(files: Path) -> None:
    arguments = dict(zip((flag.removeprefix("--") for flag in LENGTHS[::2]), LENGTHS[1::2], strict=True))
    model, train, dev = (str(files / name) for name in ("model", "train.json", "dev.json"))
    done = engine.train(
        model_name_or_path=model,
        train_file=train,
        validation_file=dev,
        do_train=True,
        do_eval=True,
        use_cpu=True,
        max_steps=2,
        save_strategy="no",
        **arguments,
    )
    assert (done.output_dir / "model.safetensors").is_file()
    assert {"train_loss", "eval_f1"} <= done.metrics.keys()
    assert (runs_root() / done.run / "spec.json").is_file()
    with pytest.raises(UserError, match="nothing to do"):
        engine.train(model_name_or_path=model, train_file=train)
