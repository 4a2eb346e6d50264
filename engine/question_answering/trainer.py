"""transformers' Trainer with a recipe at work in it."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from accelerate.utils import extract_model_from_parallel
from transformers import Trainer, set_seed

from engine.question_answering.artifacts import SPARSIFICATION_FILE, Origin, save_tokenizer, write_recipe
from engine.question_answering.evaluation import Predictions, QuestionSet
from engine.question_answering.failures import StoppedError, TrainingFailure, full_disk
from engine.question_answering.hub_uploads import HubUploads
from engine.question_answering.network import torch_logits
from engine.question_answering.sampling import LengthGroups
from engine.question_answering.step_batch import StepBatch
from engine.question_answering.teacher_cache import WINDOW
from engine.question_answering.trackers import Tracked
from engine.question_answering.training_arguments import TrainingArguments
from engine.question_answering.whole_folder import together
from engine.recipes.clock import epoch_at
from engine.runs.recorder import RunRecorder
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.ranks import ranks

_PROMISE = 900.0
"""Seconds within which a batch of an evaluation or a checkpoint is expected to be done."""


@dataclass
class StepLosses:
    """Losses of the batches since the last optimizer step, as numbers."""

    parts: dict[str, list[float]] = field(default_factory=dict)

    def add(self, **values: torch.Tensor | None) -> None:
        for name, value in values.items():
            if value is not None:
                self.parts.setdefault(name, []).append(float(value.detach()))

    def means(self) -> dict[str, float]:
        return {name: sum(values) / len(values) for name, values in self.parts.items()}

    def clear(self) -> None:
        self.parts = {}


class RecipeScheduler:
    """The learning-rate schedule of a run whose recipe sets the rate itself: it changes nothing."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    def step(self, *arguments: Any) -> None:
        """Leaves the rates alone."""

    def get_last_lr(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept."""


class QuestionAnsweringTrainer(Trainer):
    """Trains on question-answering windows, lets the sparsification manager act, and scores answers when evaluating.

    The manager's structure must be prepared before. `origin` is left in every checkpoint, `questions` makes the set to
    evaluate on when it is first needed, `recipe_text` is written beside every saved model, `uploads` sends models
    to the hub.
    """

    args: TrainingArguments

    def __init__(
        self,
        *,
        manager: SparsificationManager,
        recorder: RunRecorder,
        origin: Origin,
        questions: Callable[[], QuestionSet] | None = None,
        recipe_text: str | None = None,
        uploads: HubUploads | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.manager = manager
        self.recorder = recorder
        self.origin = origin
        self.recipe_text = recipe_text
        self.uploads = uploads
        self.losses = StepLosses()
        self.gradient_norm: float | None = None
        self.last_predictions: Predictions | None = None
        self.teacher_f1: float | None = None
        self.dense_f1: float | None = None
        """Of the model before it was pruned in one shot."""
        self.quantization_began = False
        self.tracked: Tracked | None = None
        self._make_questions = questions
        self._questions: QuestionSet | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of an epoch, the same number for transformers and for the recipe."""
        batches = len(self.get_train_dataloader())
        return max(math.ceil(batches / self.args.gradient_accumulation_steps), 1)

    @property
    def network(self) -> torch.nn.Module:
        """The model itself, unwrapped."""
        return cast("torch.nn.Module", self.model)

    @property
    def plain_optimizer(self) -> torch.optim.Optimizer:
        """The optimizer that holds the state, not accelerate's wrapper."""
        return cast("torch.optim.Optimizer", getattr(self.optimizer, "optimizer", self.optimizer))

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """transformers' own way to group by length finds another order when a run goes on in the middle of an epoch."""
        windows: Any = train_dataset or self.train_dataset
        if windows is None or self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        lengths = [len(windows[index]["input_ids"]) for index in range(len(windows))]
        # All windows of a step are of like length, also those that other ranks have.
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps * ranks().count
        return LengthGroups(lengths, batch, self.args.data_seed or self.args.seed)

    def _set_signature_columns_if_needed(self) -> None:
        """The numbers of windows are no input of the model, yet pass."""
        super()._set_signature_columns_if_needed()
        columns = cast("list[str]", self._signature_columns)
        if WINDOW not in columns:
            columns.append(WINDOW)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """What transformers logs; with a training's losses also what the recipe does, for whatever tracks the run."""
        if self.tracked is not None and "loss" in logs:
            logs.update(self.tracked.take(epoch_at(self.state.global_step, self.steps_per_epoch)))
        super().log(logs, start_time)

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm)
        self.gradient_norm = float(norm) if norm is not None else None
        return norm

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> Any:
        """No schedule of transformers' where the recipe sets the learning rate: it would overwrite the recipe's."""
        if not self.manager.controls_learning_rate:
            return super().create_scheduler(num_training_steps, optimizer)
        if self.lr_scheduler is None:
            self.lr_scheduler = RecipeScheduler(optimizer or self.optimizer)  # pyright: ignore
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of a batch: the task's, with the teacher's where the recipe distils."""
        if not self.manager.distils:
            loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
            self.losses.add(loss=loss)
            return (loss, outputs) if return_outputs else loss
        outputs = model(**{name: value for name, value in inputs.items() if name != WINDOW})
        parts = self.manager.loss(self.state.global_step, outputs.loss.mean(), outputs, inputs)
        self.losses.add(loss=parts.total, task_loss=parts.task, distillation_loss=parts.distillation)
        return (parts.total, outputs) if return_outputs else parts.total

    def stop_mixed_precision(self) -> None:
        """From now on everything is computed in full precision: simulated quantization needs it."""
        extract_model_from_parallel(self.model, keep_fp32_wrapper=False)
        if self.accelerator.scaler is not None:
            # The scaler is shared with the wrapped optimizer; switched off it passes everything through.
            self.accelerator.scaler._enabled = False
        self.accelerator.native_amp = False

    @property
    def questions(self) -> QuestionSet:
        """The questions to evaluate on."""
        if self._questions is None:
            if self._make_questions is None:
                raise ValueError("there are no questions to evaluate on")
            self._questions = self._make_questions()
        return self._questions

    @property
    def can_evaluate(self) -> bool:
        return self._make_questions is not None

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Answer and score the evaluation questions; keys are `<prefix>_exact_match`, `<prefix>_f1` and so on."""
        step = self.state.global_step
        place: dict[str, Any] = {
            "step": step,
            "epoch": epoch_at(step, self.steps_per_epoch) if self.train_dataset else self.state.epoch or None,
        }
        scores = self._scores_or_stop(place)
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in scores.items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _scores_or_stop(self, place: dict[str, Any]) -> dict[str, float]:
        """The scores, found by rank 0 for all; where the run is asked to stop meanwhile, a checkpoint comes first."""
        if not self.is_in_train:
            return self._score(place)
        try:
            return ranks().from_first(lambda: self._score(place), StoppedError)
        except StoppedError:
            if self.is_in_train:
                self._save_checkpoint(self.model, None)
            raise

    def _score(self, place: dict[str, Any]) -> dict[str, float]:
        """Answer the questions, compare with the true answers and report it."""
        questions, began = self.questions, time.monotonic()
        with self.recorder.phase("evaluate", f"{len(questions.windows)} windows", promise=_PROMISE, **place):
            self.last_predictions = self.predict_questions(questions, "evaluating")
            scores = questions.score(self.last_predictions)
        self._report(scores, int(scores["total"]), time.monotonic() - began, place)
        return {**scores, "samples": len(questions.windows)}

    def _report(self, scores: dict[str, float], samples: int, seconds: float, place: dict[str, Any]) -> None:
        """The evaluation as an event, beside the teacher's score where that is known."""
        known: dict[str, Any] = {name: scores[name] for name in ("exact_match", "f1")}
        if self.teacher_f1 is not None:
            known["teacher_f1"] = self.teacher_f1
            if self.teacher_f1:
                known["recovery"] = scores["f1"] / self.teacher_f1
        if self.dense_f1 is not None:
            known["dense_f1"] = self.dense_f1
        self.recorder.emit("eval", **place, **known, samples=samples, seconds=seconds, durable=True)

    def predict_questions(self, questions: QuestionSet, doing: str, model: Any = None) -> Predictions:
        """Answers of the model (or of another one) to `questions`."""
        device = self.args.device
        network = (model or self.network).to(device)
        training = network.training
        network.eval()
        try:
            return questions.predict(torch_logits(network, device), self.args.eval_batch_size, self._reporting(doing))
        finally:
            network.train(training)

    def _reporting(self, doing: str) -> Callable[[int, int], None]:
        def report(done: int, total: int) -> None:
            self.recorder.progress()
            if self.recorder.stop_requested:
                raise StoppedError(f"stopped while {doing}")

        return report

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save model, tokenizer, recipe and, in a checkpoint, the state of the recipe's modifiers."""
        super().save_model(output_dir, _internal_call)
        if not ranks().leads:
            return
        folder = Path(output_dir or str(self.args.output_dir))
        save_tokenizer(self.processing_class, folder)
        write_recipe(folder, self.recipe_text)
        if not _internal_call:
            return
        self.origin.write(folder)
        StepBatch.of(self.args, ranks().count).write(folder)
        if self.manager.training is not None:
            torch.save(self.manager.state_dict(), folder / SPARSIFICATION_FILE)

    def save_whole(self, folder: Path, *, optimizer: bool) -> None:
        """Save the model, with its optimizer if wanted, whole or not at all."""
        if not ranks().leads:
            super().save_model(str(folder))
            return
        with together(folder) as staging:
            self.save_model(str(staging))
            self.origin.write(staging)
            if optimizer:
                self._save_optimizer_and_scheduler(str(staging))

    def _save_rng_state(self, output_dir: str) -> None:
        """The random numbers of each rank; what makes the checkpoint a complete one is written after all of them."""
        super()._save_rng_state(output_dir)
        ranks().barrier()

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Go on with the random numbers of the checkpoint; with another number of ranks, with new ones of the step."""
        before = None if checkpoint is None else StepBatch.read(Path(checkpoint))
        if before is None or before.ranks == ranks().count:
            super()._load_rng_state(checkpoint)
        else:
            set_seed(self.args.seed + self.state.global_step)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step = self.state.global_step
        place: dict[str, Any] = {"step": step, "epoch": epoch_at(step, self.steps_per_epoch)}
        path = Path(str(self.args.output_dir)) / f"checkpoint-{step}"
        with self.recorder.phase("checkpoint", f"writing checkpoint-{step}", promise=_PROMISE, **place):
            try:
                super()._save_checkpoint(model, trial)
            except Exception as error:
                if not (reason := full_disk(error)):
                    raise
                self._without_checkpoint(path, reason)
                return
        reason = "asked to stop" if self.recorder.stop_requested else "due"
        self.recorder.emit("checkpoint", path=str(path), reason=reason, durable=True, **place)
        if self.uploads is not None and ranks().leads and not self.recorder.stop_requested:
            self.uploads.send_checkpoint(path, f"step {step}")

    def _without_checkpoint(self, path: Path, reason: str) -> None:
        """A checkpoint found no room: what is there of it goes, those before stay, a run that need not stop goes on.

        Raises `TrainingFailure` where the run was asked to stop, and would lose what it did since the last one, and
        where other ranks wait in the middle of theirs.
        """
        shutil.rmtree(path, ignore_errors=True)
        if self.state.best_model_checkpoint == str(path):
            self.state.best_model_checkpoint = None
        message, hint = f"{path.name} could not be written: {reason}", "free space; the checkpoints before it are whole"
        if self.recorder.stop_requested or ranks().count > 1:
            raise TrainingFailure(message, hint)
        self.recorder.emit("alert", level="warning", message=message, hint=hint, step=self.state.global_step)
