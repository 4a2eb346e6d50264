"""Everything a training needs, loaded and checked: recipe, model, tokenizer, teacher, windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from transformers import AutoTokenizer

from engine.errors import UserError, plain
from engine.question_answering.collate import Collator
from engine.question_answering.evaluation import QuestionSet
from engine.question_answering.examples import ExampleSet, Purpose
from engine.question_answering.failures import StoppedError
from engine.question_answering.features import Windows, WindowSettings, training_windows
from engine.question_answering.scoring import question_set
from engine.question_answering.sources import load_examples
from engine.question_answering.training_arguments import EngineArguments
from engine.question_answering.windows_cache import cached_windows
from engine.runs.recorder import RunRecorder
from engine.sparsify.checkpoint import LoadedModel, load_question_answering_model

_MULTIPLE = 8
"""Batches are padded to a multiple of this: tensor cores want it, and a compiled graph sees fewer shapes."""
Level = Literal["info", "warning", "error"]


class Announcer:
    """Says things once: as an alert event and as a line on the console."""

    def __init__(self, recorder: RunRecorder) -> None:
        self._recorder = recorder
        self._said: set[str] = set()

    def __call__(self, message: str, *, level: Level = "warning", hint: str = "") -> None:
        if message in self._said:
            return
        self._said.add(message)
        print(f"{level}: {plain(message)}" + (f" ({plain(hint)})" if hint else ""), flush=True)
        self._recorder.emit("alert", level=level, message=message, hint=hint)


@dataclass
class Inputs:
    """Questions as windows: which tokenizer reads them, how long they are, where they come from."""

    arguments: EngineArguments
    tokenizer: Any
    settings: WindowSettings
    say: Announcer
    recorder: RunRecorder

    def training(self) -> Windows:
        """The windows to train on."""
        examples, fresh = self._examples("train").examples, self.arguments.data.overwrite_cache
        return cached_windows(
            training_windows,
            examples,
            self.tokenizer,
            self.settings,
            self.say,
            progress=self._progress,
            fresh=fresh,
        )

    def questions(self, purpose: Purpose = "evaluate") -> QuestionSet:
        """The questions to evaluate on, or to predict answers for."""
        examples, data = self._examples(purpose), self.arguments.data
        return question_set(examples, data, self.tokenizer, self.settings, self.say, progress=self._progress)

    def _examples(self, purpose: Purpose) -> ExampleSet:
        model = self.arguments.model
        found = load_examples(self.arguments.data, purpose, cache_dir=model.cache_dir, token=model.use_auth_token)
        for note in found.notes:
            self.say(note)
        return found

    def _progress(self, text: str) -> None:
        self.recorder.progress()
        if self.recorder.stop_requested:
            raise StoppedError("stopped while the questions were tokenised")

    def has(self, purpose: Purpose) -> bool:
        """Whether a source for `purpose` was named."""
        data = self.arguments.data
        files = {"train": data.train_file, "evaluate": data.validation_file, "predict": data.test_file}
        return data.dataset_name is not None or files[purpose] is not None

    def collator(self) -> Collator:
        """How training windows become batches."""
        if self.arguments.data.pad_to_max_length:
            return Collator(self.tokenizer, self.settings.max_length)
        return Collator(self.tokenizer, multiple=_MULTIPLE, most=self.settings.max_length)


def load_model(arguments: EngineArguments, path: str, say: Announcer) -> LoadedModel:
    """The model to train; weights that are not the model's are said loudly."""
    loaded = load_question_answering_model(
        path, revision=arguments.model.model_revision, cache_dir=arguments.model.cache_dir
    )
    if loaded.random_weights:
        say(f"{path} has no weights: training starts from random ones", hint="give a folder with model.safetensors")
    elif loaded.new_parameters:
        names = ", ".join(loaded.new_parameters[:4])
        say(f"new weights that only training will make useful: {names}", level="info")
    return loaded


def load_tokenizer(arguments: EngineArguments, path: str, teacher: str | None, say: Announcer) -> Any:
    """The fast tokenizer: the one asked for, else the model's, else (and said aloud) the teacher's."""
    named = arguments.model.tokenizer_name
    sources = [named] if named else [path, teacher] if teacher not in (None, "self", "disable") else [path]
    fault = ""
    for source in sources:
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                source,
                use_fast=True,
                revision=arguments.model.model_revision if source == path else None,
                cache_dir=arguments.model.cache_dir,
            )
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
            fault = fault or str(error)
            continue
        if source != sources[0]:
            say(f"the model has no tokenizer; the teacher's ({source}) is used")
        return tokenizer
    raise UserError(f"no tokenizer in {plain(str(sources[0]))}: {plain(fault, 200)}", "name one with --tokenizer_name")


def check_vocabulary(tokenizer: Any, model: Any) -> None:
    """Refuse a tokenizer that knows more tokens than the model has embeddings for."""
    known = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > known:
        raise UserError(
            f"the tokenizer knows {len(tokenizer)} tokens, the model {known}",
            "use the tokenizer that belongs to the model",
        )


def load_teacher(path: str | None, model: Any, arguments: EngineArguments, say: Announcer) -> Any:
    """The teacher's model; "self" and "disable" as they are, None where there is none."""
    if path in (None, "self", "disable"):
        return path
    loaded = load_question_answering_model(str(path), cache_dir=arguments.model.cache_dir)
    if loaded.random_weights or loaded.new_parameters:
        say(f"the teacher {path} was never trained for question answering", hint="choose a fine-tuned model")
    theirs, ours = loaded.config.vocab_size, model.config.vocab_size
    if theirs != ours:
        raise UserError(
            f"the teacher knows {theirs} tokens, the model {ours}", "choose a teacher with the same vocabulary"
        )
    for parameter in loaded.model.parameters():
        parameter.requires_grad_(False)
    return loaded.model.eval()
