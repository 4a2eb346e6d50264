"""Command lines as SparseML's users write them."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.question_answering.arguments import GROUPS, WITHOUT_EFFECT, CommonTraining
from engine.question_answering.flags import parse_light, to_argv
from engine.question_answering.model_checks import QUESTION_ANSWERING_TYPES

NAMES = [item.name for group in GROUPS.values() for item in fields(group)]


def test_both_spellings_equals_signs_and_types() -> None:
    line = "--model-name-or-path m --max_seq_length=128 --learning-rate 5e-5 --do_train --pad_to_max_length False"
    assert parse_light(line.split()) == {
        "model_name_or_path": "m",
        "max_seq_length": 128,
        "learning_rate": 5e-5,
        "do_train": True,
        "pad_to_max_length": False,
    }


def test_a_recipe_may_be_given_as_text() -> None:
    text = "---\nmodifiers:\n  - !EpochRangeModifier\n---"
    assert parse_light(["--recipe", text, "--do_train"]) == {"recipe": text, "do_train": True}


def test_unknown_flags_stay_as_written() -> None:
    line = [
        "--adam_beta1",
        "0.8",
        "--bf16_full_eval",
        "--report_to",
        "wandb",
        "tensorboard",
        "--max_grad_norm",
        "-1",
        "--no_tf32",
    ]
    assert parse_light(line) == {
        "adam_beta1": "0.8",
        "bf16_full_eval": True,
        "report_to": ["wandb", "tensorboard"],
        "max_grad_norm": -1.0,
        "tf32": False,
    }


def test_names_of_older_versions_mean_todays() -> None:
    assert parse_light(["--evaluation_strategy", "epoch", "--no_cuda", "--warmup_ratio", "0.1"]) == {
        "eval_strategy": "epoch",
        "use_cpu": True,
        "warmup_steps": 0.1,
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["--max_seq_length", "long"], "'long' is not a whole number"),
        (["--learning_rate", "fast"], "is not a number"),
        (["--do_train", "maybe"], "is not true or false"),
        (["--recipe"], "a value is missing"),
        (["--recipe", "a", "b"], "one value expected, not 2"),
        (["model", "--do_train"], "unexpected argument: model"),
        (["missing.json"], "missing.json"),
    ],
)
def test_mistakes_are_said(line: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_light(line)
    assert message in str(caught.value)


def test_one_json_file_holds_all(tmp_path: Path) -> None:
    file = tmp_path / "arguments.json"
    wanted = {"model_name_or_path": "m", "max_seq_length": 64, "do_train": True, "learning_rate": 1e-4}
    file.write_text(json.dumps({**wanted, "recipe_args": {"num_epochs": 2}, "tokenizer_name": None}))
    assert parse_light([str(file)]) == {**wanted, "recipe_args": '{"num_epochs": 2}'}
    file.write_text("[]")
    with pytest.raises(UserError, match="one JSON object"):
        parse_light([str(file)])


VALUES = st.one_of(st.booleans(), st.text("abc=/._ ", min_size=1), st.lists(st.text("xyz", min_size=1), min_size=2))


@given(st.dictionaries(st.sampled_from(["tf32", "adam_beta1", "run_name", "label_names", "optim_args"]), VALUES))
def test_arguments_survive_the_way_to_a_command_line_and_back(arguments: dict[str, object]) -> None:
    read = parse_light(to_argv(arguments))
    expected = {name: "false" if value is False else value for name, value in arguments.items()}
    assert read == expected
    assert parse_light(to_argv(read)) == read


def test_what_is_written_here_about_transformers_is_true() -> None:
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES

    from engine.question_answering.training_arguments import TrainingArguments

    theirs = {item.name: item for item in fields(transformers.TrainingArguments)}
    common = {item.name: item for item in fields(CommonTraining)}
    assert set(common) <= set(theirs)
    assert not WITHOUT_EFFECT & set(theirs)
    assert {name: theirs[name].default for name in common} == {name: item.default for name, item in common.items()}
    assert set(NAMES) - {item.name for group in ("model", "data") for item in fields(GROUPS[group])} <= {
        item.name for item in fields(TrainingArguments)
    }
    assert set(MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES) >= QUESTION_ANSWERING_TYPES
