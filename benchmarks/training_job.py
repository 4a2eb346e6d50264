"""What the training benchmarks share: a model of given size, recipes, and blocks of timed steps."""

from __future__ import annotations

import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback

from engine.question_answering.arguments import DataTrainingArguments
from engine.question_answering.preflight import build_spec
from engine.question_answering.preparation import PreparedRun, prepare
from engine.question_answering.setup import Announcer
from engine.question_answering.sources import load_examples
from engine.question_answering.training import arguments_of
from engine.runs.launch import create_run
from engine.runs.recorder import RunRecorder
from engine.runs.spec import read_spec

HEAD = """\
num_epochs: 30.0
modifiers:
  - !EpochRangeModifier
      start_epoch: 0.0
      end_epoch: eval(num_epochs)
  - !LearningRateFunctionModifier
      lr_func: linear
      init_lr: 8e-5
      final_lr: 8e-6
      start_epoch: 0.0
      end_epoch: eval(num_epochs)
"""
PRUNING = """\
  - !MagnitudePruningModifier
      params: ["re:bert.encoder.*(query|key|value|dense).weight"]
      init_sparsity: 0.7
      final_sparsity: 0.9
      start_epoch: 0.0
      end_epoch: 26.0
      update_frequency: {frequency}
"""
DISTILLATION = """\
  - !DistillationModifier
      hardness: 1.0
      temperature: 5.5
      distill_output_keys: [start_logits, end_logits]
"""
QUANTIZATION = """\
  - !QuantizationModifier
      start_epoch: 0.0
      submodules: [bert.embeddings, bert.encoder, qa_outputs]
      quantize_embeddings: 1
      quantize_linear_activations: 0
      exclude_module_types: [LayerNorm]
"""


def write_model(folder: Path, vocabulary: Path, *, layers: int, hidden: int) -> Path:
    """A BERT for question answering with random weights: heads of 64, four times as wide inside."""
    from transformers import BertConfig, BertForQuestionAnswering, BertTokenizerFast

    BertTokenizerFast(vocab=str(vocabulary), do_lower_case=True, model_max_length=512).save_pretrained(folder)
    config = BertConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        intermediate_size=hidden * 4,
        architectures=["BertForQuestionAnswering"],
    )
    BertForQuestionAnswering(config).save_pretrained(folder)
    return folder


def write_student_and_teacher(work: Path, data: Path, *, layers: int, hidden: int) -> None:
    """Two such models, with the vocabulary of `data`: ``model`` and ``teacher``."""
    for name in ("model", "teacher"):
        write_model(work / name, data / "tokenizer" / "bert-base-uncased-vocab.txt", layers=layers, hidden=hidden)


def first_questions(path: Path, folder: Path, count: int) -> Path:
    """The first `count` questions of a SQuAD file as a file of their own, quick to read."""
    examples = load_examples(DataTrainingArguments(train_file=str(path), max_train_samples=count), "train").examples
    rows = [
        {
            "id": example.id,
            "question": example.question,
            "context": example.context,
            "answers": {
                "text": [one.text for one in example.answers],
                "answer_start": [one.start for one in example.answers],
            },
        }
        for example in examples
    ]
    made = folder / "questions.json"
    made.write_text(json.dumps(rows), encoding="utf-8")
    return made


@dataclass
class StepTimes(TrainerCallback):
    """Seconds of every optimizer step after the first few."""

    skip: int
    seconds: list[float] = field(default_factory=list)
    _seen: int = 0
    _began: float = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        now = time.perf_counter()
        # From one beginning to the next: fetching the batch and writing events belong to a step.
        if self._seen > self.skip:
            self.seconds.append(now - self._began)
        self._began = now
        self._seen += 1


class Turns:
    """Whose turn it is among some threads."""

    def __init__(self, count: int) -> None:
        self._changed = threading.Condition()
        self._waiting = list(range(count))

    def wait(self, place: int) -> None:
        """Wait until it is the turn of `place`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting[0] == place)

    def pass_on(self, place: int) -> None:
        """Let the next one take its turn."""
        with self._changed:
            self._waiting.append(self._waiting.pop(0))
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting[0] == place)

    @contextlib.contextmanager
    def leaving(self, place: int) -> Generator[None]:
        """The time in which `place` takes turns at all."""
        self.wait(place)
        try:
            yield
        finally:
            with self._changed:
                self._waiting.remove(place)
                self._changed.notify_all()


@dataclass
class TakingTurns(TrainerCallback):
    """Seconds of the steps of each turn but the first turn, which warms up, and the first step of a turn."""

    turns: Turns
    place: int
    block: int
    blocks: list[list[float]]
    _seen: int = 0
    _began: float = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        now = time.perf_counter()
        turn, step = divmod(self._seen, self.block)
        if turn and step == 1:
            self.blocks.append([])
        if self.blocks and step > 1:
            self.blocks[-1].append(now - self._began)
        if self._seen and not step:
            if self.blocks:
                self.blocks[-1].append(now - self._began)
            self.turns.pass_on(self.place)
        self._seen += 1
        self._began = time.perf_counter()


def prepared_run(line: list[str]) -> tuple[PreparedRun, RunRecorder]:
    """A run of our own, ready to train, with its events written as in real life."""
    directory = create_run(slug="benchmark", spec=build_spec(line))
    spec = read_spec(directory)
    recorder = RunRecorder(directory, signals=False)
    return prepare(spec, arguments_of(spec), recorder, Announcer(recorder), False), recorder


def timed(trainer: Trainer, steps: int, skip: int) -> StepTimes:
    """Train `steps` steps; the first `skip` are not counted."""
    times = StepTimes(skip)
    timed_by(trainer, times, steps)
    return times


def timed_by(trainer: Trainer, times: TrainerCallback, steps: int) -> None:
    """Train `steps` steps, which `times` looks at."""
    trainer.add_callback(times)
    trainer.args.max_steps = steps
    trainer.args.save_strategy = "no"
    trainer.train()


def plain_trainer(prepared: PreparedRun) -> Trainer:
    """transformers' own trainer on the model, the windows and the arguments of `prepared`."""
    ours = prepared.trainer
    return Trainer(
        model=ours.network,
        args=ours.args,
        train_dataset=ours.train_dataset,
        data_collator=ours.data_collator,
        processing_class=ours.processing_class,
    )


def temporary_home() -> Path:
    """A folder for runs and caches of this benchmark alone."""
    return Path(tempfile.mkdtemp(prefix="sqa-benchmark-"))
