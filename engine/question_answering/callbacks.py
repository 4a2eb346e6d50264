"""What happens around the optimizer steps of a run: the recipe acts, events are written, commands are heard."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from engine.question_answering.failures import StoppedError, TrainingFailure
from engine.question_answering.gradient_batches import SAMPLING_PROMISE
from engine.question_answering.training_arguments import TrainingArguments
from engine.recipes.clock import epoch_at
from engine.runs.control import ControlRequest
from engine.sparsify.agreement import MaskDigest, check_equal, share_ranges
from engine.sparsify.context import Change, TrainingContext
from engine.sparsify.random_state import RandomState
from engine.sparsify.ranks import ranks

if TYPE_CHECKING:
    from engine.question_answering.trainer import QuestionAnsweringTrainer

_LAYER_SECONDS = 2.0
_PAUSE_POLL_SECONDS = 0.2


@dataclass
class RecipeCallback(TrainerCallback):
    """Calls the sparsification manager around every optimizer step."""

    trainer: QuestionAnsweringTrainer
    context: TrainingContext
    state: dict[str, Any] | None = None
    """The manager's state in the checkpoint that the run goes on from."""
    _before: tuple[dict[str, Any], RandomState] | None = None
    """The manager's state and the random numbers before a step that samples gradients, which may take long."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        manager = self.trainer.manager
        manager.initialize(self.trainer.network, self.trainer.plain_optimizer, self.context)
        if self.state is not None:
            manager.load_state_dict(self.state)
        self._watch_precision(state)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        self.trainer.losses.clear()
        self._watch_precision(state)

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        loss = self.trainer.losses.means().get("loss", 0.0)
        if not math.isfinite(loss):
            raise TrainingFailure(
                f"the loss is {loss} at step {state.global_step}",
                "lower the learning rate, or switch off fp16; a checkpoint that was written is from before it",
            )
        share_ranges(self.trainer.network, ranks())
        with self.whole_or_undone():
            self.trainer.manager.before_optimizer_step(state.global_step)

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        self.trainer.manager.after_optimizer_step(state.global_step)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        manager = self.trainer.manager
        samples = manager.will_sample(state.global_step)
        self._before = (manager.state_dict(), RandomState.now()) if samples else None

    @contextlib.contextmanager
    def whole_or_undone(self) -> Generator[None]:
        """Where the run is asked to stop inside, leave a checkpoint of how it was before the step.

        The first step after a start needs none: nothing has been trained that is not in a checkpoint. A step that
        samples gradients, and works out what they tell, is given more time until it must report.
        """
        manager, recorder = self.trainer.manager, self.trainer.recorder
        if slow := manager.will_sample(self.trainer.state.global_step):
            recorder.promise(SAMPLING_PROMISE)
        try:
            yield
        except StoppedError:
            if self._before is not None and manager.roll_back(self._before[0]):
                self._before[1].restore()
                self.trainer._save_checkpoint(self.trainer.model, None)
            raise
        finally:
            if slow:
                recorder.promise()

    def _watch_precision(self, state: TrainerState) -> None:
        epoch = epoch_at(state.global_step, self.context.steps_per_epoch)
        if self.trainer.quantization_began or not self.trainer.manager.quantization_active(epoch):
            return
        self.trainer.quantization_began = True
        if self.trainer.args.fp16 or self.trainer.args.bf16:
            self.trainer.stop_mixed_precision()
            message = "quantization is simulated from here on: half precision is off"
            self.trainer.recorder.emit("alert", level="info", message=message, hint="", step=state.global_step)


@dataclass
class EventCallback(TrainerCallback):
    """Writes metric, layer, phase and evaluation events."""

    trainer: QuestionAnsweringTrainer
    steps_per_epoch: int
    batch_samples: int
    best_model_after_epoch: float | None = None
    learning_rate: float | None = None
    _step_began: float = field(default_factory=time.monotonic)
    _layers_at: float = -math.inf
    _layers_waiting: bool = True
    _evaluation_began: float = 0.0

    def place(self, state: TrainerState) -> dict[str, Any]:
        """Step and epoch of an event."""
        return {"step": state.global_step, "epoch": epoch_at(state.global_step, self.steps_per_epoch)}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        self._layers(state)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        self._step_began = time.monotonic()
        # What a checkpoint remembers, and what an evaluation without one found, is forgotten before it can be compared.
        self._forget_best(state)

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        self.learning_rate = float(self.trainer.plain_optimizer.param_groups[0]["lr"])

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        seconds = max(time.monotonic() - self._step_began, 1e-9)
        sparsity, target = self.trainer.manager.sparsity()
        losses = self.trainer.losses.means()
        metrics = {
            **dict(zip(losses, ranks().means(list(losses.values())), strict=True)),
            "learning_rate": self.learning_rate,
            "gradient_norm": self.trainer.gradient_norm,
            "samples_per_second": self.batch_samples / seconds,
            "sparsity": sparsity,
            "sparsity_target": target,
        }
        known: dict[str, Any] = {name: value for name, value in metrics.items() if value is not None}
        self.trainer.recorder.emit("metric", **self.place(state), **known)
        if self.trainer.tracked is not None:
            self.trainer.tracked.add(known)
        self._changes(state)

    def report(self, state: TrainerState) -> None:
        """Write what the recipe did since the last step, and how sparse every layer is now."""
        self._layers_waiting, self._layers_at = True, -math.inf
        self._changes(state)

    def report_one_shot(self, state: TrainerState) -> None:
        """Write what a recipe did that acted at once: all of it at the step of `state`."""
        for change in self.trainer.manager.drain():
            if change.action != "update":
                self._phase(change, self.place(state))
        shares = zip(("sparsity", "sparsity_target"), self.trainer.manager.sparsity(), strict=True)
        known: dict[str, Any] = {name: share for name, share in shares if share is not None}
        self.trainer.recorder.emit("metric", **self.place(state), **known)
        self._layers(state)

    def _changes(self, state: TrainerState) -> None:
        for change in self.trainer.manager.drain():
            self._layers_waiting = True
            if change.action != "update":
                self._layers_at = -math.inf
                self._phase(change, {"step": change.step, "epoch": change.epoch})
        # Masks may change at every step; counting zeros in every layer each time would cost more than it tells.
        if self._layers_waiting and time.monotonic() - self._layers_at >= _LAYER_SECONDS:
            self._layers(state)

    def _phase(self, change: Change, place: dict[str, Any]) -> None:
        told = {"phase": change.phase, "action": change.action, "text": change.text}
        self.trainer.recorder.emit("phase", **told, **place)

    def _layers(self, state: TrainerState) -> None:
        self._layers_at, self._layers_waiting = time.monotonic(), False
        for layer in self.trainer.manager.layers():
            self.trainer.recorder.emit(
                "layer",
                **self.place(state),
                name=layer.name,
                shape=list(layer.shape),
                sparsity=layer.sparsity,
                target=layer.target,
                quantised=layer.quantised,
            )

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any) -> None:
        self._forget_best(state)

    def _forget_best(self, state: TrainerState) -> None:
        """Until pruning and quantization have come, no model is the one that is wanted, however well it scores."""
        after = self.best_model_after_epoch
        if after is not None and epoch_at(state.global_step, self.steps_per_epoch) <= after:
            state.best_metric = None
            state.best_model_checkpoint = None
            state.best_global_step = None


@dataclass
class ControlCallback(TrainerCallback):
    """Answers commands between steps: stop, pause, resume, checkpoint, evaluate, export."""

    trainer: QuestionAnsweringTrainer
    steps_per_epoch: int
    export_wanted: bool = False
    digest: MaskDigest = field(default_factory=MaskDigest)
    _paused: bool = False
    _saved_at: float = field(default_factory=time.monotonic)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        self._saved_at = time.monotonic()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any) -> None:
        self._saved_at = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> TrainerControl:
        self._hear(state, control)
        if args.save_minutes is not None and time.monotonic() - self._saved_at >= 60 * args.save_minutes:
            control.should_save = True
        if self._paused and not self.trainer.recorder.stop_requested:
            self._wait(state, control)
        if self.trainer.recorder.stop_requested:
            control.should_save = state.global_step < state.max_steps or args.save_strategy != "no"
            control.should_training_stop = True
        self._agree(control)
        return control

    def _agree(self, control: TrainerControl) -> None:
        """Do in all ranks what rank 0 was asked to do, and make sure that their masks are equal."""
        if ranks().count == 1:
            return
        masks = self.digest(held for one in self.trainer.manager.behaviours for held, _ in one.maskings())
        asked = (control.should_save, control.should_evaluate, control.should_training_stop, self.export_wanted)
        told = ranks().gathered([masks, *map(int, asked)])
        check_equal([numbers[0] for numbers in told])
        save, evaluate, stop, export = map(bool, told[0][1:])
        control.should_save, control.should_evaluate, control.should_training_stop = save, evaluate, stop
        self.export_wanted = export

    def _wait(self, state: TrainerState, control: TrainerControl) -> None:
        place = {"step": state.global_step, "epoch": epoch_at(state.global_step, self.steps_per_epoch)}
        with self.trainer.recorder.phase("pause", "paused", **place):
            while self._paused and not self.trainer.recorder.stop_requested:
                self.trainer.recorder.progress()
                time.sleep(_PAUSE_POLL_SECONDS)
                self._hear(state, control)

    def listen(self) -> None:
        """Answer commands while a step takes long; what they ask for happens after it."""
        self._hear(self.trainer.state, self.trainer.control)

    def _hear(self, state: TrainerState, control: TrainerControl) -> None:
        for request in self.trainer.recorder.requests():
            accepted, message = self._obey(request, control)
            self.trainer.recorder.answer(request, accepted=accepted, message=message)

    def _obey(self, request: ControlRequest, control: TrainerControl) -> tuple[bool, str]:
        if request.command == "stop":
            self.trainer.recorder.request_stop()
            return True, "a checkpoint is written, then the run stops"
        if request.command in ("pause", "resume"):
            return self._pause(request.command == "pause")
        if request.command == "checkpoint":
            control.should_save = True
            return True, "a checkpoint is written after this step"
        if request.command == "evaluate":
            return self._evaluate(control)
        if request.command == "export":
            self.export_wanted = True
            return True, "the model is exported when training is finished"
        return False, f"no such command: {request.command}"

    def _pause(self, pause: bool) -> tuple[bool, str]:
        if pause is self._paused:
            return False, "the run is paused already" if pause else "the run is not paused"
        self._paused = pause
        return True, "the run waits" if pause else "the run goes on"

    def _evaluate(self, control: TrainerControl) -> tuple[bool, str]:
        if not self.trainer.can_evaluate:
            return False, "the run has no questions to evaluate on"
        control.should_evaluate = True
        return True, "an evaluation starts after this step"
