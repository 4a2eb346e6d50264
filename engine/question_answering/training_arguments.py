"""The training arguments of a run as transformers wants them, with what SparseML added; loads transformers."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import difflib
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
import transformers
from transformers import HfArgumentParser

from engine.errors import UserError, plain
from engine.question_answering.arguments import (
    WITHOUT_EFFECT,
    DataTrainingArguments,
    ModelArguments,
    RunArguments,
)
from engine.question_answering.fit_checks import BEST
from engine.question_answering.flags import to_argv

_ADAFACTOR = "adafactor"
_GROUPING = "group_by_length"


@dataclass
class TrainingArguments(RunArguments, transformers.TrainingArguments):
    """transformers.TrainingArguments with recipe, teacher and what else SparseML's trainer took."""


@dataclass(frozen=True)
class EngineArguments:
    """All arguments of a run, typed, and one line for each flag that has no effect any more."""

    model: ModelArguments
    data: DataTrainingArguments
    training: TrainingArguments
    notes: tuple[str, ...] = ()


class _Parser(HfArgumentParser):
    """Reports a mistake as an error of the user instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UserError(plain(message, 300), "see the flags with --help")


def engine_arguments(given: Mapping[str, Any], output_dir: str) -> EngineArguments:
    """The arguments that `given` (flags by name) means. Raises `UserError` for unknown flags and impossible values."""
    wanted, notes = _current(given)
    wanted["output_dir"] = output_dir
    # The event log shows progress; a bar would only fill the console's file.
    wanted.setdefault("disable_tqdm", True)
    wanted.setdefault("dataloader_pin_memory", _has_accelerator())
    if wanted.get("load_best_model_at_end"):
        # transformers would choose by a loss, which is not computed in evaluation.
        wanted.setdefault("metric_for_best_model", BEST)
    groups: Any = [ModelArguments, DataTrainingArguments, TrainingArguments]
    parser = _Parser(groups, allow_abbrev=False)
    _refuse_unknown(wanted)
    with arguments_in_words():
        model, data, training = parser.parse_args_into_dataclasses(
            to_argv(wanted, explicit=True), look_for_args_file=False
        )
    if not data.pad_to_max_length and "train_sampling_strategy" not in wanted:
        # Windows of like length together: without it a batch is about as long as its longest window.
        training.train_sampling_strategy = _GROUPING
    return EngineArguments(model, data, training, tuple(notes))


@contextlib.contextmanager
def arguments_in_words() -> Generator[None]:
    """What transformers and the libraries behind it say of arguments becomes an error of the user."""
    try:
        yield
    except (ValueError, TypeError, ImportError, OSError) as error:
        raise UserError(f"the training arguments do not fit together: {plain(str(error), 300)}") from error


def print_help() -> None:
    """Print every flag of the training command."""
    groups: Any = [ModelArguments, DataTrainingArguments, TrainingArguments]
    about = "Train, sparsify and evaluate; a single .json file may hold all arguments."
    own = "Of the command itself: --detach returns the run's id at once, --json prints JSON."
    usage = "sqa-tui train --model_name_or_path MODEL [FLAG …]  |  sqa-tui train FILE.json"
    parser = HfArgumentParser(groups, prog="sqa-tui train", usage=usage, description=about, epilog=own)
    for action in parser._actions:
        if action.option_strings and action.option_strings[0].startswith("--no_"):
            # transformers repeats the whole text of the flag that this one turns off, and a default it does not have.
            action.help, action.default = f"Turns --{action.dest} off.", argparse.SUPPRESS
    parser.print_help()


def _current(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The flags by their names of today, and what is to be said about those that are gone."""
    wanted = {name: value for name, value in given.items() if name not in WITHOUT_EFFECT}
    notes = [f"--{name} has no effect any more" for name in given if name in WITHOUT_EFFECT]
    if wanted.pop(_ADAFACTOR, False):
        wanted.setdefault("optim", _ADAFACTOR)
    if wanted.pop(_GROUPING, False):
        wanted.setdefault("train_sampling_strategy", _GROUPING)
    return wanted, notes


def _has_accelerator() -> bool:
    return bool(torch.accelerator.is_available())


def _refuse_unknown(wanted: Mapping[str, Any]) -> None:
    known = {
        item.name
        for group in (ModelArguments, DataTrainingArguments, TrainingArguments)
        for item in dataclasses.fields(group)
    }
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean --{near[0]}?" if near else "see the flags with --help"
            raise UserError(f"unknown flag --{plain(name, 60)}", hint)
