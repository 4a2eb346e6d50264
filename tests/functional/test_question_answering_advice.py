"""What a run says of its recipe before it trains: with the model at hand, and of lengths only where one was given."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.question_answering.preflight import build_spec
from engine.question_answering.training import arguments_of, run
from engine.runs.launch import create_run
from engine.runs.reader import EventReader
from engine.runs.recorder import RunRecorder
from engine.runs.spec import read_spec
from engine.sparsify.checkpoint import load_question_answering_model
from tests.tiny_models import write_dense

PRUNING = """\
  - !GMPruningModifier {params: [%s], init_sparsity: 0.1, final_sparsity: 0.5,
      start_epoch: 0.0, end_epoch: 0.9, update_frequency: 0.2}
"""
QUERY, EVERYTHING = "'re:.*query.weight'", "'re:bert.encoder.*weight'"
NUMBER = "num_epochs: 1.0\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dense(tmp_path_factory.mktemp("dense") / "model", num_hidden_layers=1)


def said(model: Path, recipe: str, *further: str) -> list[str]:
    """The remarks of a short run by `recipe`, with their hints."""
    file = model.parent / "recipe.yaml"
    file.write_text(recipe)
    line = ["--model_name_or_path", str(model), "--recipe", str(file), "--use_cpu", "--save_strategy", "no"]
    line += ["--max_seq_length", "48", "--doc_stride", "16", "--per_device_train_batch_size", "8"]
    line += ["--dataset_name", "facts", "--max_train_samples", "4", *further]
    directory = create_run(slug="advised", spec=build_spec(line))
    spec = read_spec(directory)
    with RunRecorder(directory, signals=False) as recorder:
        run(spec, arguments_of(spec), recorder)
    events = EventReader(directory.events_file).read()
    return [f"{event['message']} ({event['hint']})" for event in events if event["kind"] == "alert"]


def epochs(end: str = "1.0") -> str:
    return f"modifiers:\n  - !EpochRangeModifier {{start_epoch: 0.0, end_epoch: {end}}}\n"


def test_pruners_of_the_same_parameters_are_told_with_both_places(model: Path) -> None:
    both = said(model, epochs() + PRUNING % QUERY + PRUNING % EVERYTHING, "--do_train")
    (told,) = [text for text in both if "at the same time" in text]
    assert "recipe.yaml:3:5: GMP" in told
    assert "GMPruningModifier prunes 1 parameters (bert.encoder.layer.0.attention.self.query.weight …)" in told
    assert "(line 5)" in told
    assert not [text for text in said(model, epochs() + PRUNING % QUERY, "--do_train") if "same time" in text]


def test_zeros_that_nothing_holds_are_told(model: Path, tmp_path: Path) -> None:
    sparse = load_question_answering_model(str(model)).model
    weight = sparse.get_parameter("bert.encoder.layer.0.attention.self.key.weight")
    weight.data[:8] = 0
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        if (model / name).exists():
            (tmp_path / name).write_bytes((model / name).read_bytes())
    sparse.save_pretrained(tmp_path)
    told = said(tmp_path, epochs() + PRUNING % QUERY, "--do_train")
    expected = f"nothing holds the {8 * weight.shape[1]} zeros of bert.encoder.layer.0.attention.self.key.weight"
    assert len([text for text in told if expected in text]) == 1


@pytest.mark.parametrize(
    ("recipe", "further", "told"),
    [
        (epochs(), "--do_train", ""),
        (epochs(), "--do_train --num_train_epochs 1", ""),
        (epochs(), "--do_train --num_train_epochs 2", "change the recipe's epochs"),
        (
            NUMBER + epochs("eval(num_epochs)"),
            "--do_train --num_train_epochs 2",
            "change num_epochs with --recipe_args",
        ),
        (epochs(), "--one_shot --num_train_epochs 2", ""),
    ],
)
def test_another_length_is_told_where_one_was_asked_for(model: Path, recipe: str, further: str, told: str) -> None:
    found = [text for text in said(model, recipe, *further.split()) if "trains for" in text]
    assert found == ([f"the recipe trains for 1 epoch; --num_train_epochs 2 is not used ({told})"] if told else [])
