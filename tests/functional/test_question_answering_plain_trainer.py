"""A run whose recipe does nothing is transformers' own training, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from safetensors.numpy import load_file

from engine.question_answering.collate import Collator
from engine.question_answering.data import read_examples
from engine.question_answering.features import WindowSettings, training_windows
from tests.functional.test_question_answering_train import create, events, files, row, run_here

__all__ = ["files", "row"]
STEPS = 20
# Every window as long as the longest, in transformers' own order.
FLAGS = ["--max_steps", str(STEPS), "--save_strategy", "no", "--pad_to_max_length", "--learning_rate", "1e-3"]
RECIPES = {
    "none": None,
    "nothing but the number of epochs": "modifiers:\n  - !EpochRangeModifier {start_epoch: 0.0, end_epoch: 7.0}\n",
}


@pytest.fixture(scope="module")
def plain(files: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Weights after 20 steps of `transformers.Trainer`, of which nothing is replaced."""
    folder = tmp_path_factory.mktemp("plain")
    transformers.set_seed(42)
    tokenizer = transformers.AutoTokenizer.from_pretrained(files / "model")
    examples = read_examples(files / "train.json", "train").examples
    windows: Any = training_windows(examples, tokenizer, WindowSettings(32, 8), print)
    trainer = transformers.Trainer(
        model=transformers.AutoModelForQuestionAnswering.from_pretrained(files / "model"),
        args=transformers.TrainingArguments(
            output_dir=str(folder),
            max_steps=STEPS,
            per_device_train_batch_size=4,
            learning_rate=1e-3,
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=windows,
        data_collator=Collator(tokenizer, 32),
    )
    trainer.train()
    trainer.save_model(str(folder))
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("name", RECIPES)
def test_the_weights_are_those_of_plain_transformers(
    files: Path, plain: dict[str, np.ndarray], tmp_path: Path, name: str
) -> None:
    text, further = RECIPES[name], list(FLAGS)
    if text is not None:
        (tmp_path / "recipe.yaml").write_text(text)
        further += ["--recipe", str(tmp_path / "recipe.yaml")]
    directory = create(files, *further, recipe=False)
    run_here(directory)
    assert events(directory, "metric")[-1]["step"] == STEPS
    found = load_file(directory.output / "model.safetensors")
    assert found.keys() == plain.keys()
    for name, value in plain.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
