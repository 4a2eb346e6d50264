"""A run from its specification to the trained model: loads everything, trains, evaluates, predicts, exports."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import transformers

from engine.errors import UserError
from engine.question_answering.arguments import METADATA
from engine.question_answering.artifacts import check_output_folder
from engine.question_answering.callbacks import ControlCallback, EventCallback, RecipeCallback
from engine.question_answering.evaluation import QuestionSet
from engine.question_answering.export_step import export_model
from engine.question_answering.network import write_samples
from engine.question_answering.scoring import longest_input, window_settings
from engine.question_answering.setup import (
    Announcer,
    Inputs,
    check_vocabulary,
    load_model,
    load_teacher,
    load_tokenizer,
)
from engine.question_answering.trainer import SPARSIFICATION_FILE, QuestionAnsweringTrainer
from engine.question_answering.training_arguments import EngineArguments, TrainingArguments, engine_arguments
from engine.recipes import Recipe, parse_recipe
from engine.recipes.advice import warnings
from engine.recipes.compose import compose
from engine.recipes.phases import phases
from engine.runs.recorder import RunRecorder
from engine.runs.spec import RunSpec
from engine.sparsify.context import TrainingContext
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.parameters import prunable_parameters
from engine.zoo.demo.publish import TEACHER, is_demo_recipe, publish

_LOADING_PROMISE = 600.0


@dataclass
class _Callbacks:
    """What listens to the training."""

    recipe: RecipeCallback
    events: EventCallback
    control: ControlCallback


@dataclass
class _Run:
    """The parts of a run that are ready."""

    spec: RunSpec
    arguments: EngineArguments
    recorder: RunRecorder
    say: Announcer
    recipe: Recipe | None
    trainer: QuestionAnsweringTrainer
    inputs: Inputs
    teacher: Any
    checkpoint: Path | None
    callbacks: _Callbacks


def arguments_of(spec: RunSpec) -> EngineArguments:
    """The typed arguments of a run. Raises `UserError` where they are wrong."""
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
    say = Announcer(recorder)
    with recorder.phase("prepare", "loading model and data", promise=_LOADING_PROMISE):
        prepared = _prepare(spec, arguments, recorder, say, again)
    if arguments.data.one_shot and prepared.trainer.manager.quantizes:
        raise UserError(
            "--one_shot cannot quantize: the quantizers' ranges come from training steps",
            "train with the recipe, or take its QuantizationModifier out",
        )
    _evaluate_teacher(prepared)
    if arguments.data.one_shot:
        _one_shot(prepared)
    elif arguments.training.do_train:
        _train(prepared)
    if recorder.stop_requested:
        return
    if arguments.training.do_eval:
        _evaluate(prepared)
    if arguments.training.do_predict:
        _predict(prepared)
    _write_samples(prepared)
    if spec.export or arguments.training.export or prepared.callbacks.control.export_wanted:
        export_model(Path(spec.output_dir), recorder)
    _publish(prepared)


def _prepare(spec: RunSpec, arguments: EngineArguments, recorder: RunRecorder, say: Announcer, again: bool) -> _Run:
    for note in arguments.notes:
        say(note, level="info")
    recipe = _recipe(spec)
    own = again or Path(spec.output_dir) == recorder.directory.output
    checkpoint = _checkpoint(arguments, Path(spec.output_dir), own)
    transformers.utils.logging.disable_progress_bar()
    transformers.set_seed(arguments.training.seed)
    loaded = load_model(arguments, spec.model_path, say)
    model = loaded.model
    teacher_path = spec.teacher_path or arguments.training.distill_teacher
    tokenizer = load_tokenizer(arguments, spec.model_path, teacher_path, say)
    teacher = load_teacher(teacher_path, model, arguments, say)
    check_vocabulary(tokenizer, model)
    settings = window_settings(arguments.data, tokenizer, longest_input(loaded.config), say)
    inputs = Inputs(arguments, tokenizer, settings, say, recorder)
    manager = SparsificationManager(recipe, sparseml_compatible=arguments.training.sparseml_compatible)
    if manager.distils and teacher is None:
        raise UserError("the recipe distils, but there is no teacher", "give --distill_teacher MODEL, self or disable")
    state = _saved_state(checkpoint)
    manager.prepare(model, 0.0, state=state)
    windows = inputs.training() if arguments.training.do_train and not arguments.data.one_shot else None
    questions = inputs.questions() if _evaluates(arguments) else None
    _set_epochs(arguments, recipe, say)
    trainer = QuestionAnsweringTrainer(
        manager=manager,
        recorder=recorder,
        questions=(lambda: questions or inputs.questions()) if inputs.has("evaluate") else None,
        recipe_text=_saved_recipe(arguments, recipe, loaded.recipe),
        model=model,
        args=arguments.training,
        train_dataset=windows,
        eval_dataset=questions.windows if questions is not None else None,
        data_collator=inputs.collator(),
        processing_class=tokenizer,
    )
    callbacks = _add_callbacks(trainer, teacher, state, arguments)
    if windows is not None and recipe is not None:
        _advise(recipe, callbacks.recipe.context, say)
    return _Run(spec, arguments, recorder, say, recipe, trainer, inputs, teacher, checkpoint, callbacks)


def _recipe(spec: RunSpec) -> Recipe | None:
    if spec.recipe is None:
        return None
    return parse_recipe(spec.recipe.text, name=spec.recipe.source, recipe_args=spec.recipe_args)


def _checkpoint(arguments: EngineArguments, output: Path, own: bool) -> Path | None:
    """The checkpoint to go on from: the one named, else the newest in the output folder."""
    named = arguments.training.resume_from_checkpoint
    if named is not None and named.lower() not in ("true", "false"):
        if not (Path(named) / "trainer_state.json").is_file():
            raise UserError(f"--resume_from_checkpoint {named} is no checkpoint", "name a folder checkpoint-<step>")
        return Path(named)
    if not arguments.training.do_train:
        return None
    overwrite = arguments.training.overwrite_output_dir and named is None
    return check_output_folder(output, overwrite=overwrite, own=own)


def _saved_state(checkpoint: Path | None) -> dict[str, Any] | None:
    """The state of the recipe's modifiers in a checkpoint."""
    if checkpoint is None:
        return None
    path = checkpoint / SPARSIFICATION_FILE
    if not path.is_file():
        raise UserError(f"{checkpoint} has no {SPARSIFICATION_FILE}", "it was not written by this program; start anew")
    return torch.load(path, map_location="cpu", weights_only=True)


def _evaluates(arguments: EngineArguments) -> bool:
    return arguments.training.do_eval or arguments.training.eval_strategy != "no"


def _set_epochs(arguments: EngineArguments, recipe: Recipe | None, say: Announcer) -> None:
    """The recipe's number of epochs wins over the command line's, and a best model is one that is finished."""
    training = arguments.training
    if recipe is None:
        return
    if recipe.max_epochs > 0 and training.num_train_epochs != recipe.max_epochs:
        say(
            f"the recipe trains for {recipe.max_epochs} epochs, not {training.num_train_epochs:g}",
            level="info",
            hint="change num_epochs with --recipe_args",
        )
        training.num_train_epochs = float(recipe.max_epochs)
    _settle_best_model(training, recipe, say)


def _settle_best_model(training: TrainingArguments, recipe: Recipe, say: Announcer) -> None:
    """A model that is not yet pruned and quantized scores better, but is not the one that is wanted."""
    ends = [phase.end_epoch for phase in phases(recipe, training.num_train_epochs) if phase.name == "prune"]
    starts = [phase.start_epoch for phase in phases(recipe, training.num_train_epochs) if phase.name == "qat"]
    finished = max([*ends, *starts], default=0.0)
    if training.load_best_model_at_end and training.best_model_after_epoch is None and finished > 0:
        training.best_model_after_epoch = finished
        say(f"the best model is chosen among those after epoch {finished:g}, when pruning is over", level="info")


def _advise(recipe: Recipe, context: TrainingContext, say: Announcer) -> None:
    """What in the recipe may not do what was meant, now that the number of steps is known."""
    for problem in warnings(recipe, steps_per_epoch=context.steps_per_epoch):
        say(str(problem))
    if context.total_epochs < recipe.max_epochs:
        length = f"{recipe.max_epochs} epochs ({recipe.max_epochs * context.steps_per_epoch} steps)"
        say(f"--max_steps {context.total_steps} ends the run before the recipe, which takes {length}")


def _saved_recipe(arguments: EngineArguments, recipe: Recipe | None, base: Recipe | None) -> str | None:
    """The recipe written beside the model: the run's behind the model's own, with the arguments that matter."""
    if recipe is None:
        return None if base is None else base.text
    values = {**vars(arguments.data), **vars(arguments.training)}
    metadata = {**(recipe.metadata or {}), **{name: values[name] for name in METADATA}}
    described = replace(recipe, metadata=metadata)
    return (compose(base, described) if base is not None else described).to_yaml()


def _add_callbacks(
    trainer: QuestionAnsweringTrainer, teacher: Any, state: dict[str, Any] | None, arguments: EngineArguments
) -> _Callbacks:
    training = arguments.training
    steps = trainer.steps_per_epoch if trainer.train_dataset is not None else 1
    total = training.max_steps if training.max_steps > 0 else math.ceil(training.num_train_epochs * steps)
    context = TrainingContext(steps_per_epoch=steps, total_steps=total, teacher=_on(teacher, training.device))
    samples = training.train_batch_size * training.gradient_accumulation_steps
    callbacks = _Callbacks(
        RecipeCallback(trainer, context, state),
        EventCallback(trainer, steps, samples, training.best_model_after_epoch),
        ControlCallback(trainer, steps),
    )
    for callback in (callbacks.recipe, callbacks.events, callbacks.control):
        trainer.add_callback(callback)
    return callbacks


def _on(teacher: Any, device: torch.device) -> Any:
    return teacher.to(device) if isinstance(teacher, torch.nn.Module) else teacher


def _evaluate_teacher(prepared: _Run) -> None:
    """Score the teacher first, so that every evaluation can say how much of it is recovered."""
    trainer = prepared.trainer
    if not (prepared.arguments.training.do_eval and isinstance(prepared.teacher, torch.nn.Module)):
        return
    with prepared.recorder.phase("evaluate", "the teacher", promise=_LOADING_PROMISE):
        questions = trainer.questions
        predictions = trainer.predict_questions(questions, "evaluating the teacher", prepared.teacher)
        trainer.teacher_f1 = questions.score(predictions)["f1"]
    prepared.say(f"the teacher's F1 is {trainer.teacher_f1:.2f}", level="info")


def _train(prepared: _Run) -> None:
    trainer, recorder = prepared.trainer, prepared.recorder
    _announce_start(prepared)
    if prepared.checkpoint is not None:
        prepared.say(f"going on from {prepared.checkpoint}", level="info")
    with recorder.phase("train", "training"):
        result = trainer.train(resume_from_checkpoint=str(prepared.checkpoint) if prepared.checkpoint else None)
    if recorder.stop_requested:
        return
    trainer.manager.finalize()
    prepared.callbacks.events.report(trainer.state)
    _save(prepared, result.metrics)


def _announce_start(prepared: _Run) -> None:
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
        timeline=_timeline(prepared.recipe, context.total_epochs),
        durable=True,
    )


def _timeline(recipe: Recipe | None, epochs: float) -> list[dict[str, Any]]:
    """The phases of the recipe, in epochs."""
    return [asdict(phase) for phase in phases(recipe, epochs)] if recipe is not None else []


def _save(prepared: _Run, metrics: dict[str, float]) -> None:
    trainer, output = prepared.trainer, str(prepared.spec.output_dir)
    with prepared.recorder.phase("checkpoint", "saving the model", promise=_LOADING_PROMISE):
        trainer.save_model(output)
        trainer._save_optimizer_and_scheduler(output)
        if trainer.train_dataset is not None:
            metrics["train_samples"] = len(trainer.train_dataset)  # pyright: ignore[reportArgumentType]
        trainer.log_metrics("train", metrics)
        trainer.save_metrics("train", metrics)
        trainer.save_state()
    prepared.recorder.emit("checkpoint", path=output, reason="training is finished", durable=True)


def _one_shot(prepared: _Run) -> None:
    """Apply the whole recipe at once, without training."""
    trainer, manager = prepared.trainer, prepared.trainer.manager
    _announce_start(prepared)
    with prepared.recorder.phase("prune", "one shot"):
        optimizer = torch.optim.SGD(trainer.network.parameters(), lr=0.0)
        manager.prepare(trainer.network, math.inf)
        context = TrainingContext(steps_per_epoch=1, total_steps=1, teacher="disable")
        manager.initialize(trainer.network, optimizer, context)
        manager.before_optimizer_step(max(prepared.recipe.max_epochs if prepared.recipe else 0, 0) + 1)
        manager.finalize()
        prepared.callbacks.events.report(trainer.state)
    output = prepared.spec.output_dir
    trainer.save_model(output)
    prepared.recorder.emit("checkpoint", path=output, reason="the recipe was applied", durable=True)


def _evaluate(prepared: _Run) -> None:
    trainer = prepared.trainer
    metrics = trainer.evaluate()
    trainer.log_metrics("eval", metrics)
    trainer.save_metrics("eval", metrics)
    if trainer.last_predictions is not None:
        trainer.last_predictions.write(Path(prepared.spec.output_dir), "eval")


def _write_samples(prepared: _Run) -> None:
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


def _publish(prepared: _Run) -> None:
    """The stub of a demo recipe stands for the model of its last whole run from now on."""
    recipe, training, data = prepared.spec.recipe, prepared.arguments.training, prepared.arguments.data
    shortened = data.max_train_samples is not None or training.max_steps > 0 or prepared.spec.recipe_args
    if recipe is None or shortened or not training.do_train or not is_demo_recipe(recipe.source):
        return
    if prepared.spec.model != TEACHER or data.dataset_name != "facts":
        return
    try:
        publish(recipe.source, prepared.spec.output_dir)
    except (OSError, UserError) as error:
        prepared.say(f"the model was not copied to the zoo: {error}", hint=f"it is in {prepared.spec.output_dir}")
    else:
        prepared.say(f"{recipe.source} now stands for this model", level="info")


def _predict(prepared: _Run) -> None:
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
