"""`sqa-tui train` in the foreground: what it says, and what it does not say twice."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from engine.question_answering.arguments import GROUPS
from engine.question_answering.training_arguments import TrainingArguments, print_help
from tests.functional.test_question_answering_train import LENGTHS, files

__all__ = ["files"]
WITH_ADVICE = """\
modifiers:
  - !EpochRangeModifier
      start_epoch: 0.0
      end_epoch: 1.0
  - !GMPruningModifier
      init_sparsity: 0.05
      final_sparsity: 0.8
      start_epoch: 0.0
      end_epoch: 5.0
      update_frequency: 0.01
      params: ['re:.*query.weight$']
"""


def test_advice_on_a_recipe_is_given_once(files: Path, tmp_path: Path) -> None:
    (tmp_path / "advised.yaml").write_text(WITH_ADVICE)
    line = ["--model_name_or_path", str(files / "model"), "--train_file", str(files / "train.json"), *LENGTHS]
    line += [
        "--recipe",
        str(tmp_path / "advised.yaml"),
        "--do_train",
        "--use_cpu",
        "--output_dir",
        str(tmp_path / "out"),
    ]
    command = [sys.executable, "-m", "sqa_tui", "train", *line]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("reaches final_sparsity only when the run ends") == 1
    assert "reaches final_sparsity" not in done.stdout
    assert "finished, model in" in done.stdout


def test_help_has_every_flag_and_no_text_twice(capsys: pytest.CaptureFixture[str]) -> None:
    print_help()
    said = capsys.readouterr().out
    names = {item.name for group in GROUPS.values() for item in fields(group)}
    names |= {item.name for item in fields(TrainingArguments) if item.init}
    assert [name for name in sorted(names) if f"--{name}" not in said] == []
    assert said.count("Turns --dataloader_pin_memory off.") == 1
    assert said.splitlines()[0].startswith("usage: sqa-tui train --model_name_or_path MODEL")
