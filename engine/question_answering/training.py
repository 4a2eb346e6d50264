"""A run from its specification to the trained model: loads everything, trains, evaluates, predicts, exports."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Generator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import torch
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from engine.errors import UserError
from engine.question_answering.artifacts import LOCK_FILE, is_trained
from engine.question_answering.evaluation import QuestionSet
from engine.question_answering.export_step import export_model
from engine.question_answering.failures import StoppedError
from engine.question_answering.gradient_batches import SAMPLING_PROMISE
from engine.question_answering.hub_uploads import UPLOADING
from engine.question_answering.model_card import write_card
from engine.question_answering.network import write_samples
from engine.question_answering.preparation import PreparedRun, prepare
from engine.question_answering.setup import Announcer
from engine.question_answering.trackers import require_trackers
from engine.question_answering.training_arguments import EngineArguments, engine_arguments
from engine.recipes import Recipe
from engine.recipes.phases import phases
from engine.runs.evidence import examine
from engine.runs.lock import EngineLock, LockBusyError
from engine.runs.recorder import RunRecorder
from engine.runs.spec import RunSpec
from engine.runs.state import RunState
from engine.sparsify.agreement import check_zeros
from engine.sparsify.parameters import prunable_parameters
from engine.sparsify.quantization.names import is_quantization_state
from engine.sparsify.ranks import ranks
from engine.zoo.demo.publish import TEACHER, is_demo_recipe, publish

_LOADING_PROMISE = 600.0
_UPLOAD_PROMISE = 3600.0
CALIBRATION_SAMPLES = 512
"""Windows that set the quantizers' ranges in one shot, where the recipe does not say how many batches."""


def arguments_of(spec: RunSpec) -> EngineArguments:
    """The typed arguments of a run. Raises `UserError` where they are wrong."""
    require_trackers(spec.arguments)
    given = {**spec.arguments, "model_name_or_path": spec.model}
    arguments = engine_arguments(given, spec.output_dir)
    training = arguments.training
    if not (training.do_train or training.do_eval or training.do_predict or arguments.data.one_shot):
        raise UserError("nothing to do", "give --do_train, --do_eval or --do_predict")
    return arguments


def run(spec: RunSpec, arguments: EngineArguments, recorder: RunRecorder, *, again: bool = False) -> None:
    """Do what the specification asks for; `again`: this run has trained before, and goes on.

    Raises `UserError`, `RunFailure` or `StoppedError`.
    """
    with _held(Path(spec.output_dir)) if ranks().leads else contextlib.nullcontext():
        _run(spec, arguments, recorder, again)


@contextlib.contextmanager
def _held(output: Path) -> Generator[None]:
    """Keep other runs out of the output folder; one that was made for nothing goes again."""
    made = not output.exists()
    lock = EngineLock(output / LOCK_FILE)
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except LockBusyError as error:
        raise UserError(f"another run writes to {output}", "choose --output_dir elsewhere, or wait for it") from error
    except OSError as error:
        raise UserError(f"cannot write to {output}: {error.strerror}", "choose --output_dir elsewhere") from error
    try:
        yield
    finally:
        shutil.rmtree(output / UPLOADING, ignore_errors=True)
        (output / LOCK_FILE).unlink(missing_ok=True)
        lock.release()
        if made:
            with contextlib.suppress(OSError):
                output.rmdir()  # succeeds only where nothing was written


def _run(spec: RunSpec, arguments: EngineArguments, recorder: RunRecorder, again: bool) -> None:
    say = Announcer(recorder)
    trained = again and ranks().from_first(lambda: is_trained(spec, _latest(recorder)), UserError)
    with recorder.phase("prepare", "loading model and data", promise=_LOADING_PROMISE):
        prepared = (_prepare_trained if trained else prepare)(spec, arguments, recorder, say, again)
    if arguments.data.one_shot:
        _check_calibration(prepared)
    _evaluate_teacher(prepared)
    if arguments.data.one_shot:
        _one_shot(prepared)
    elif arguments.training.do_train:
        _train(prepared)
    if ranks().share(recorder.stop_requested) or not ranks().leads:
        return
    _finish(prepared)


def _prepare_trained(
    spec: RunSpec, arguments: EngineArguments, recorder: RunRecorder, say: Announcer, again: bool
) -> PreparedRun:
    """`prepare` for a run whose finished model is there: nothing is trained or applied any more."""
    say(f"{spec.output_dir} is trained: the run goes on with what comes after that", level="info")
    training, last = arguments.training, _latest(recorder)
    training.do_train = arguments.data.one_shot = training.load_best_model_at_end = False
    training.eval_strategy, training.save_strategy = IntervalStrategy.NO, SaveStrategy.NO
    of_model = msgspec.structs.replace(spec, model_path=spec.output_dir, recipe=None)
    prepared = replace(prepare(of_model, arguments, recorder, say, again), spec=spec)
    prepared.trainer.state.global_step, prepared.trainer.state.epoch = last.step or 0, last.epoch or 0.0
    return prepared


def _latest(recorder: RunRecorder) -> RunState:
    return examine(recorder.directory)[1]


def _finish(prepared: PreparedRun) -> None:
    """What is asked for beside the training: scores, predictions, samples, the exported model."""
    spec, training = prepared.spec, prepared.arguments.training
    if training.do_eval:
        _evaluate(prepared)
    if training.do_predict:
        _predict(prepared)
    _write_samples(prepared)
    if spec.export or training.export or prepared.callbacks.control.export_wanted:
        export_model(Path(spec.output_dir), prepared.recorder)
    _publish(prepared)
    _upload(prepared)


def _evaluate_teacher(prepared: PreparedRun) -> None:
    """Score the teacher first, so that every evaluation can say how much of it is recovered."""
    trainer = prepared.trainer
    if not (prepared.arguments.training.do_eval and isinstance(prepared.teacher, torch.nn.Module)):
        return

    def score() -> float:
        questions = trainer.questions
        predictions = trainer.predict_questions(questions, "evaluating the teacher", prepared.teacher)
        return questions.score(predictions)["f1"]

    with prepared.recorder.phase("evaluate", "the teacher", promise=_LOADING_PROMISE):
        trainer.teacher_f1 = ranks().from_first(score, StoppedError)
    prepared.say(f"the teacher's F1 is {trainer.teacher_f1:.2f}", level="info")


def _train(prepared: PreparedRun) -> None:
    trainer, recorder = prepared.trainer, prepared.recorder
    _announce_start(prepared)
    if prepared.checkpoint is not None:
        prepared.say(f"going on from {prepared.checkpoint}", level="info")
    with recorder.phase("train", "training"):
        result = trainer.train(resume_from_checkpoint=str(prepared.checkpoint) if prepared.checkpoint else None)
    if ranks().share(recorder.stop_requested):
        return
    with prepared.callbacks.recipe.whole_or_undone():
        trainer.manager.finalize()
    check_zeros(trainer.manager, ranks())
    prepared.callbacks.events.report(trainer.state)
    _save(prepared, result.metrics)


def _announce_start(prepared: PreparedRun) -> None:
    trainer, context = prepared.trainer, prepared.callbacks.recipe.context
    parameters = sum(parameter.numel() for parameter in trainer.network.parameters())
    prunable = sum(parameter.numel() for _, parameter in prunable_parameters(trainer.network))
    prepared.recorder.emit(
        "start",
        total_steps=context.total_steps,
        steps_per_epoch=context.steps_per_epoch,
        total_epochs=context.total_epochs,
        device=str(prepared.arguments.training.device),
        parameters=parameters,
        prunable_parameters=prunable,
        teacher=prepared.spec.teacher,
        timeline=[] if prepared.arguments.data.one_shot else _timeline(prepared.recipe, context.total_epochs),
        durable=True,
    )


def _timeline(recipe: Recipe | None, epochs: float) -> list[dict[str, Any]]:
    """The phases of the recipe, in epochs."""
    return [asdict(phase) for phase in phases(recipe, epochs)] if recipe is not None else []


def _save(prepared: PreparedRun, metrics: dict[str, float]) -> None:
    trainer, output = prepared.trainer, str(prepared.spec.output_dir)
    with prepared.recorder.phase("checkpoint", "saving the model", promise=_LOADING_PROMISE):
        trainer.save_whole(Path(output), optimizer=True)
        if trainer.train_dataset is not None:
            metrics["train_samples"] = len(trainer.train_dataset)  # pyright: ignore[reportArgumentType]
        trainer.log_metrics("train", metrics)
        trainer.save_metrics("train", metrics)
        trainer.save_state()
    prepared.recorder.emit("checkpoint", path=output, reason="training is finished", durable=True)


def _one_shot(prepared: PreparedRun) -> None:
    """Apply the whole recipe at once, without training."""
    trainer, manager = prepared.trainer, prepared.trainer.manager
    _announce_start(prepared)
    _evaluate_dense(prepared)
    with prepared.recorder.phase("prune", "one shot", promise=SAMPLING_PROMISE):
        optimizer = torch.optim.SGD(trainer.network.parameters(), lr=0.0)
        manager.prepare(trainer.network, math.inf)
        given = prepared.callbacks.recipe.context
        context = replace(given, teacher="disable", one_shot=True)
        manager.initialize(trainer.network, optimizer, context)
        manager.before_optimizer_step(max(prepared.recipe.max_epochs if prepared.recipe else 0, 0) + 1)
        manager.finalize()
        trainer.state.global_step = context.total_steps
        prepared.callbacks.events.report_one_shot(trainer.state)
    sparsity, _ = manager.sparsity()
    if sparsity is not None:
        prepared.say(f"one shot: {100 * sparsity:.1f} % of the pruned parameters are zero", level="info")
    if manager.quantizes:
        _calibrate(prepared)
    output = prepared.spec.output_dir
    trainer.save_whole(Path(output), optimizer=False)
    prepared.recorder.emit("checkpoint", path=output, reason="the recipe was applied", durable=True)


def _evaluate_dense(prepared: PreparedRun) -> None:
    """Score the model as it is, for what the recipe costs."""
    trainer = prepared.trainer
    if not prepared.arguments.training.do_eval or prepared.recipe is None:
        return
    with prepared.recorder.phase("evaluate", "the model before the recipe", promise=_LOADING_PROMISE):
        scores = trainer.questions.score(trainer.predict_questions(trainer.questions, "evaluating"))
    trainer.dense_f1 = scores["f1"]
    metrics = {f"dense_{name}": scores[name] for name in ("exact_match", "f1")}
    trainer.log_metrics("dense", metrics)
    trainer.save_metrics("dense", metrics)


def _check_calibration(prepared: PreparedRun) -> None:
    if prepared.trainer.manager.quantizes and prepared.callbacks.recipe.context.gradient_losses is None:
        raise UserError(
            "--one_shot cannot quantize without data: the quantizers' ranges come from training questions",
            "give --train_file or --dataset_name, or take the QuantizationModifier out of the recipe",
        )


def _calibrate(prepared: PreparedRun) -> None:
    """The quantizers' ranges by the training data, as no training step sets them."""
    size = prepared.arguments.training.train_batch_size
    steps = prepared.trainer.manager.calibrate(-(-CALIBRATION_SAMPLES // size))
    prepared.say(f"the quantizers' ranges come from {steps} batches of {size} training windows", level="info")


def _evaluate(prepared: PreparedRun) -> None:
    trainer = prepared.trainer
    metrics = trainer.evaluate()
    trainer.log_metrics("eval", metrics)
    trainer.save_metrics("eval", metrics)
    if trainer.dense_f1 is not None:
        before, after = trainer.dense_f1, metrics["eval_f1"]
        prepared.say(f"one shot: F1 {before:.2f} before the recipe, {after:.2f} after it", level="info")
    if trainer.last_predictions is not None:
        trainer.last_predictions.write(Path(prepared.spec.output_dir), "eval")


def _write_samples(prepared: PreparedRun) -> None:
    """Inputs and outputs of the trained model, for whoever wants to check another runtime against them."""
    wanted = prepared.arguments.data.num_export_samples
    if wanted <= 0:
        return
    if not prepared.trainer.can_evaluate:
        prepared.say("--num_export_samples: no questions to take samples of", hint="give --validation_file")
        return
    length, folder = prepared.inputs.settings.max_length, Path(prepared.spec.output_dir)
    count = write_samples(prepared.trainer.network, prepared.trainer.questions, wanted, length, folder)
    prepared.say(f"{count} samples written to {folder / 'sample-inputs'}", level="info")


def _upload(prepared: PreparedRun) -> None:
    """Send the output folder to the hub, last: by now everything is whole on the disk."""
    trainer = prepared.trainer
    if trainer.uploads is None:
        return

    sparsity, _ = trainer.manager.sparsity()
    if sparsity is None:  # of a model that was trained before the run went on
        sparsity = _latest(prepared.recorder).sparsity
    quantized = any(map(is_quantization_state, trainer.network.state_dict()))

    def card(repository: str) -> None:
        name, output = repository.rpartition("/")[2], Path(prepared.spec.output_dir)
        write_card(output, name, prepared.spec, sparsity=sparsity, quantized=quantized)

    with prepared.recorder.phase("upload", "sending the model to the Hugging Face hub", promise=_UPLOAD_PROMISE):
        trainer.uploads.send_finished(card)
    prepared.say(f"the model is at {trainer.uploads.repository} on the Hugging Face hub", level="info")


def _publish(prepared: PreparedRun) -> None:
    """The stub of a demo recipe stands for the model of its last whole run from now on."""
    recipe, training, data = prepared.spec.recipe, prepared.arguments.training, prepared.arguments.data
    shortened = data.max_train_samples is not None or training.max_steps > 0 or prepared.spec.recipe_args
    trained = prepared.spec.arguments.get("do_train")  # by this run, if perhaps not by this process
    if recipe is None or shortened or not trained or not is_demo_recipe(recipe.source):
        return
    if prepared.spec.model != TEACHER or data.dataset_name != "facts":
        return
    try:
        publish(recipe.source, prepared.spec.output_dir)
    except (OSError, UserError) as error:
        prepared.say(f"the model was not copied to the zoo: {error}", hint=f"it is in {prepared.spec.output_dir}")
    else:
        prepared.say(f"{recipe.source} now stands for this model", level="info")


def _predict(prepared: PreparedRun) -> None:
    trainer = prepared.trainer
    questions: QuestionSet = prepared.inputs.questions("predict")
    with prepared.recorder.phase("evaluate", "predicting", promise=_LOADING_PROMISE):
        predictions = trainer.predict_questions(questions, "predicting")
    predictions.write(Path(prepared.spec.output_dir), "predict")
    metrics: dict[str, float] = {"predict_samples": len(questions.windows)}
    if any(example.answers for example in questions.examples.examples):
        metrics |= {f"predict_{name}": value for name, value in questions.score(predictions).items()}
    trainer.log_metrics("predict", metrics)
    trainer.save_metrics("predict", metrics)
