"""A run made ready: recipe, model, teacher, data and trainer, from the specification."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import transformers

from engine.errors import UserError
from engine.hub_reach import quick_where_unreachable
from engine.question_answering.arguments import METADATA
from engine.question_answering.artifacts import (
    SPARSIFICATION_FILE,
    Origin,
    check_recipe_of,
    damaged_checkpoints,
    found_checkpoint,
    own_checkpoint,
)
from engine.question_answering.callbacks import ControlCallback, EventCallback, RecipeCallback
from engine.question_answering.checkpoint_files import fault_of
from engine.question_answering.failures import StoppedError
from engine.question_answering.features import Windows
from engine.question_answering.gradient_batches import GradientBatches
from engine.question_answering.hub_uploads import HubUploads
from engine.question_answering.scoring import longest_input, window_settings
from engine.question_answering.setup import (
    Announcer,
    Inputs,
    check_vocabulary,
    load_model,
    load_teacher,
    load_tokenizer,
)
from engine.question_answering.step_batch import keep_steps
from engine.question_answering.teacher_cache import Numbered, NumberedCollator, RememberingTeacher, remembering
from engine.question_answering.teacher_fit import check_teacher_fits
from engine.question_answering.trackers import Tracked
from engine.question_answering.trainer import QuestionAnsweringTrainer
from engine.question_answering.training_arguments import EngineArguments, TrainingArguments, arguments_in_words
from engine.recipes import Recipe, parse_recipe
from engine.recipes.advice import in_epochs, other_length, warnings
from engine.recipes.compose import compose
from engine.recipes.modifiers import OneShotPruningModifier
from engine.recipes.phases import phases
from engine.recipes.problems import RecipeError
from engine.recipes.refusals import OUTPUTS, refusals
from engine.recipes.training_data import samples_training_data
from engine.runs.recorder import RunRecorder
from engine.runs.spec import RunSpec
from engine.sparsify.context import TrainingContext
from engine.sparsify.inspector import concerns
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.ranks import ranks


@dataclass
class Callbacks:
    """What listens to the training."""

    recipe: RecipeCallback
    events: EventCallback
    control: ControlCallback


@dataclass
class PreparedRun:
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
    callbacks: Callbacks


def prepare(
    spec: RunSpec, arguments: EngineArguments, recorder: RunRecorder, say: Announcer, again: bool
) -> PreparedRun:
    """Load and check everything that `spec` names; `again`: the run has trained before, and goes on from there.

    Raises `UserError` for whatever a user can mend.
    """
    for note in arguments.notes:
        say(note, level="info")
    recipe = _recipe(spec, one_shot=arguments.data.one_shot)
    # Rank 0's word: another process might look at another moment.
    checkpoint = ranks().from_first(lambda: _checkpoint(spec, arguments, again, say), UserError)
    keep_steps(checkpoint, arguments.training, ranks().count, say)
    transformers.utils.logging.disable_progress_bar()
    transformers.set_seed(arguments.training.seed)
    teacher_path = spec.teacher_path or arguments.training.distill_teacher
    named = None if teacher_path in ("disable", "self") else teacher_path
    with quick_where_unreachable(spec.model_path, named, arguments.model.tokenizer_name):
        loaded = load_model(arguments, spec.model_path, say)
        model = loaded.model
        tokenizer = load_tokenizer(arguments, spec.model_path, teacher_path, say)
        teacher = load_teacher(teacher_path, model, arguments, say)
    check_vocabulary(tokenizer, model)
    settings = window_settings(arguments.data, tokenizer, longest_input(loaded.config), say)
    inputs = Inputs(arguments, tokenizer, settings, say, recorder)
    if isinstance(teacher, torch.nn.Module):
        cache = arguments.model.cache_dir
        check_teacher_fits(teacher, str(teacher_path), tokenizer, settings.max_length, cache_dir=cache)
    manager = SparsificationManager(recipe, sparseml_compatible=arguments.training.sparseml_compatible)
    if manager.distils and teacher is None:
        raise UserError("the recipe distils, but there is no teacher", "give --distill_teacher MODEL, self or disable")
    state = _saved_state(checkpoint)
    for remark in manager.remarks(model):
        say(remark)
    manager.prepare(model, 0.0, state=state)
    manager.check(model, "disable" if arguments.data.one_shot else teacher)
    trains = arguments.training.do_train and not arguments.data.one_shot
    windows = ranks().first_then_others(inputs.training, StoppedError) if trains else None
    questions = inputs.questions() if _evaluates(arguments) and ranks().leads else None
    _set_epochs(arguments, recipe, "num_train_epochs" in spec.arguments, say)
    taught_by = _with_memory(teacher, manager, windows, inputs)
    remembers = isinstance(taught_by, RememberingTeacher)
    uploads = _uploads(arguments.training, recorder, must=not again)
    with arguments_in_words():
        trainer = QuestionAnsweringTrainer(
            manager=manager,
            recorder=recorder,
            origin=Origin.of(spec),
            questions=(lambda: questions or inputs.questions()) if inputs.has("evaluate") else None,
            recipe_text=_saved_recipe(arguments, recipe, loaded.recipe),
            uploads=uploads,
            model=model,
            args=arguments.training,
            train_dataset=Numbered(windows) if remembers and windows is not None else windows,
            # Rank 0 evaluates for all; transformers wants to see something in the others too.
            eval_dataset=questions.windows if questions is not None else windows if _evaluates(arguments) else None,
            data_collator=NumberedCollator(inputs.collator()) if remembers else inputs.collator(),
            processing_class=tokenizer,
        )
        # An optimizer that is not installed, or settings that it does not take, would else be found after the teacher.
        trainer.get_optimizer_cls_and_kwargs(arguments.training, model)
    sampled = windows if windows is not None else _windows_to_sample(recipe, inputs)
    callbacks = _add_callbacks(trainer, taught_by, state, inputs, sampled)
    trainer.tracked = Tracked(recipe, callbacks.recipe.context.total_epochs)
    named = checkpoint is not None and str(checkpoint) == arguments.training.resume_from_checkpoint
    _refuse_finished(checkpoint, callbacks.recipe.context.total_steps, again=again, named=named)
    if windows is not None and recipe is not None:
        _advise(recipe, loaded.model, callbacks.recipe.context, say)
    return PreparedRun(spec, arguments, recorder, say, recipe, trainer, inputs, teacher, checkpoint, callbacks)


def _uploads(training: TrainingArguments, recorder: RunRecorder, *, must: bool) -> HubUploads | None:
    """What sends models to the hub in transformers' place, its repository made; None where nothing is to be sent.

    Raises `UserError` where the hub can't be reached and `must` be: before training, not after it.
    """
    if not training.push_to_hub:
        training.hub_token = None  # nothing needs it, and the arguments are saved
        return None
    training.push_to_hub = False  # the Trainer's own way; see hub_uploads
    uploads = HubUploads(training, recorder)
    ranks().from_first(lambda: uploads.open(must=must), UserError)
    return uploads


def _windows_to_sample(recipe: Recipe | None, inputs: Inputs) -> Windows | None:
    """Training windows for a recipe that samples them where nothing is trained."""
    wanted = inputs.arguments.data.one_shot and recipe is not None and samples_training_data(recipe)
    return inputs.training() if wanted and inputs.has("train") else None


def _with_memory(teacher: Any, manager: SparsificationManager, windows: Windows | None, inputs: Inputs) -> Any:
    """The teacher, with a memory where several epochs see the same windows and nothing but its logits is needed."""
    training, tokenizer = inputs.arguments.training, inputs.tokenizer
    if windows is None or not isinstance(teacher, torch.nn.Module) or not training.cache_teacher:
        return teacher
    if not manager.distils_only(OUTPUTS) or training.num_train_epochs <= 1 or tokenizer.padding_side != "right":
        return teacher
    return remembering(teacher, windows, inputs.settings.max_length, inputs.say)


def _recipe(spec: RunSpec, *, one_shot: bool) -> Recipe | None:
    if spec.recipe is None:
        return None
    recipe = parse_recipe(spec.recipe.text, name=spec.recipe.source, recipe_args=spec.recipe_args)
    if found := refusals(recipe, one_shot=one_shot):
        raise RecipeError(found)
    return recipe


def _checkpoint(spec: RunSpec, arguments: EngineArguments, again: bool, say: Announcer) -> Path | None:
    """The checkpoint to go on from: this run's own newest, else the one named, else another run's in its folder."""
    training, output = arguments.training, Path(spec.output_dir)
    if not training.do_train:
        return None
    for fault in damaged_checkpoints(output):
        say(fault, hint="an older checkpoint is used where there is one")
    own = own_checkpoint(output, spec.id, training.max_steps) if again else None
    if own is not None:
        return own.path
    named = training.resume_from_checkpoint
    if named is not None and named.lower() not in ("true", "false"):
        if not (Path(named) / "trainer_state.json").is_file():
            raise UserError(f"--resume_from_checkpoint {named} is no checkpoint", "name a folder checkpoint-<step>")
        if fault := fault_of(Path(named)):
            raise UserError(f"--resume_from_checkpoint {named}: {fault}", "name an older one")
        if other := check_recipe_of(Path(named), Origin.of(spec)):
            say(other)
        return Path(named)
    if again:
        return None
    found = found_checkpoint(output, Origin.of(spec), overwrite=training.overwrite_output_dir and named is None)
    return None if found is None else found.path


def _refuse_finished(checkpoint: Path | None, total_steps: int, *, again: bool, named: bool) -> None:
    """Another run's checkpoint from which nothing is left to train: going on would only spoil its model."""
    if checkpoint is None or again:
        return
    step = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))["global_step"]
    if step >= total_steps:
        longer = "train longer (--num_train_epochs, or the recipe), or start from its weights with --model_name_or_path"
        anew = "add --overwrite_output_dir to start anew, or choose another folder"
        raise UserError(f"{checkpoint} is finished already (step {step} of {total_steps})", longer if named else anew)


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


def _set_epochs(arguments: EngineArguments, recipe: Recipe | None, given: bool, say: Announcer) -> None:
    """The recipe's number of epochs wins over the command line's, and a best model is one that is finished.

    `given`: the number is the user's own, and not to be replaced without a word.
    """
    training = arguments.training
    if recipe is None:
        return
    told = other_length(recipe, training.num_train_epochs) if given and not arguments.data.one_shot else None
    if told is not None:
        say(told[0], level="info", hint=told[1])
    if recipe.max_epochs > 0:
        training.num_train_epochs = float(recipe.max_epochs)
    _settle_best_model(training, recipe, say)


def _settle_best_model(training: TrainingArguments, recipe: Recipe, say: Announcer) -> None:
    """A model that is not yet pruned and quantized scores better, but is not the one that is wanted."""
    ends = [phase.end_epoch for phase in phases(recipe, training.num_train_epochs) if phase.name == "prune"]
    starts = [phase.start_epoch for phase in phases(recipe, training.num_train_epochs) if phase.name == "qat"]
    starts += [modifier.begins for modifier in recipe.modifiers if isinstance(modifier, OneShotPruningModifier)]
    finished = max([*ends, *starts], default=0.0)
    if training.load_best_model_at_end and training.best_model_after_epoch is None and finished > 0:
        training.best_model_after_epoch = finished
        say(f"the best model is chosen among those after epoch {finished:g}, when pruning is over", level="info")


def _advise(recipe: Recipe, model: torch.nn.Module, context: TrainingContext, say: Announcer) -> None:
    """What in the recipe may not do what was meant, now that model and number of steps are known."""
    steps = context.steps_per_epoch
    for problem in warnings(recipe, steps_per_epoch=steps):
        say(str(problem))
    for item in concerns(model, recipe, steps_per_epoch=steps, total_steps=context.total_steps):
        say(str(item.problem(recipe)))
    if context.total_epochs < recipe.max_epochs:
        length = f"{in_epochs(recipe.max_epochs)} ({recipe.max_epochs * context.steps_per_epoch} steps)"
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
    trainer: QuestionAnsweringTrainer,
    teacher: Any,
    state: dict[str, Any] | None,
    inputs: Inputs,
    sampled: Windows | None,
) -> Callbacks:
    training = inputs.arguments.training
    steps = trainer.steps_per_epoch if trainer.train_dataset is not None else 1
    total = training.max_steps if training.max_steps > 0 else math.ceil(training.num_train_epochs * steps)
    if inputs.arguments.data.one_shot:
        total = 1
    control, collator = ControlCallback(trainer, steps), inputs.collator()
    batches = None if sampled is None else GradientBatches(trainer, sampled, collator, control.listen)
    context = TrainingContext(
        steps_per_epoch=steps,
        total_steps=total,
        teacher=_on(teacher, training.device),
        gradient_losses=batches,
        calibration_inputs=None if batches is None else batches.calibration,
        scratch=Path(str(training.output_dir)),
    )
    samples = training.train_batch_size * training.gradient_accumulation_steps * ranks().count
    callbacks = Callbacks(
        RecipeCallback(trainer, context, state),
        EventCallback(trainer, steps, samples, training.best_model_after_epoch),
        control,
    )
    for callback in (callbacks.recipe, callbacks.events, callbacks.control):
        trainer.add_callback(callback)
    return callbacks


def _on(teacher: Any, device: torch.device) -> Any:
    return teacher.to(device) if isinstance(teacher, torch.nn.Module) else teacher
