"""Files of a model folder beside its weights."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.question_answering.checkpoint_files import fault_of
from engine.question_answering.whole_folder import STAGING
from engine.runs.spec import RunSpec
from engine.runs.state import RunState

RECIPE_FILE = "recipe.yaml"
_STATE_FILE = "trainer_state.json"
ORIGIN_FILE = "sqa_run.json"
SPARSIFICATION_FILE = "sparsification.pt"
LOCK_FILE = ".sqa-tui.lock"
_ANEW = "choose another folder or add --overwrite_output_dir"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """All that readers of SparseZoo's folders look for: tokenizer.json, settings, special tokens, vocabulary."""
    tokenizer.save_pretrained(folder)
    # Since version 5 transformers writes neither of these two itself.
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n", encoding="utf-8")
    tokenizer.backend_tokenizer.model.save(str(folder))


def write_recipe(folder: Path, text: str | None) -> None:
    """Write `recipe.yaml`, where there is a recipe."""
    if text is not None:
        (folder / RECIPE_FILE).write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Origin:
    """Which run wrote a checkpoint, of which model, with which recipe (SHA-256 of its text), on which questions."""

    run: str
    model: str
    recipe: str | None
    data: str | None = None
    """None in a checkpoint that does not say."""

    @classmethod
    def of(cls, spec: RunSpec) -> Origin:
        return cls(spec.id, spec.model_path, spec.recipe.sha256 if spec.recipe else None, _data_of(spec))

    def write(self, checkpoint: Path) -> None:
        """Leave the origin in a checkpoint."""
        (checkpoint / ORIGIN_FILE).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, checkpoint: Path) -> Origin | None:
        """The origin of a checkpoint; None where it does not say."""
        try:
            found = json.loads((checkpoint / ORIGIN_FILE).read_text(encoding="utf-8"))
            return cls(str(found["run"]), str(found["model"]), found["recipe"], found.get("data"))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def is_trained(spec: RunSpec, last: RunState) -> bool:
    """Whether a run, by the latest of its log, has its finished model, and the model is still its own.

    An export or an upload after the training may have failed, or been stopped.
    """
    output = Path(spec.output_dir)
    origin = Origin.read(output)
    saved = last.checkpoint_path == spec.output_dir and (output / "config.json").is_file()
    return saved and origin is not None and origin.run == spec.id


def _data_of(spec: RunSpec) -> str:
    """What the training questions are, as it was written; a file by its place."""
    given = spec.arguments
    file = spec.dataset.get("train_file")
    if file:
        source = str((Path(spec.working_directory) / Path(file).expanduser()).absolute())
    else:
        source = " ".join(spec.dataset.get(name, "") for name in ("dataset_name", "dataset_config_name")).strip()
    sample = given.get("max_train_samples")
    return source if sample is None else f"{source}, the first {sample}"


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint."""

    path: Path
    step: int
    origin: Origin | None


def checkpoints(folder: Path) -> list[Checkpoint]:
    """The complete checkpoints in `folder`, oldest step first; one that was cut off while written does not count."""
    return [found for found in _written(folder) if not fault_of(found.path)]


def damaged_checkpoints(folder: Path) -> list[str]:
    """One line for each checkpoint in `folder` that was complete once and cannot be read any more."""
    return [f"{found.path}: {fault}" for found in _written(folder) if (fault := fault_of(found.path))]


def _written(folder: Path) -> list[Checkpoint]:
    """The checkpoints that were written to their end, oldest step first."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = [(int(match[1]), folder / name) for name in names if (match := _CHECKPOINT.fullmatch(name))]
    return [Checkpoint(path, step, Origin.read(path)) for step, path in sorted(found) if _is_complete(path)]


def _is_complete(checkpoint: Path) -> bool:
    """Whether the file that is written last can be read."""
    try:
        return "global_step" in json.loads((checkpoint / _STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def own_checkpoint(folder: Path, run: str, max_steps: int) -> Checkpoint | None:
    """The newest checkpoint that this very run wrote; with `max_steps` > 0 one from before its last step."""
    own = [found for found in checkpoints(folder) if found.origin is not None and found.origin.run == run]
    return max((found for found in own if max_steps <= 0 or found.step < max_steps), key=_step, default=None)


def found_checkpoint(folder: Path, origin: Origin | None, *, overwrite: bool) -> Checkpoint | None:
    """The checkpoint of another run in the output folder that a new run of `origin` goes on from, if any.

    Raises `UserError` where the folder holds something else, or a checkpoint of another model or recipe, or of other
    training questions.
    """
    if overwrite or not folder.exists():
        return None
    if not folder.is_dir():
        raise UserError(f"--output_dir {folder} is not a folder", "choose another one")
    newest = max(checkpoints(folder), key=_step, default=None)
    if newest is None and any(path.name not in (LOCK_FILE, STAGING) for path in folder.iterdir()):
        raise UserError(f"--output_dir {folder} is not empty and holds no checkpoint", _ANEW)
    if newest is not None and origin is not None and newest.origin is not None:
        for what in ("model", "recipe"):
            if getattr(newest.origin, what) != getattr(origin, what):
                raise UserError(f"{newest.path} is of a run with another {what}", _ANEW)
        if newest.origin.data not in (None, origin.data):
            raise UserError(
                f"{newest.path} is of a run on other training questions: {newest.origin.data}",
                f"{_ANEW}; --resume_from_checkpoint {newest.path} goes on from it all the same",
            )
    return newest


def check_recipe_of(checkpoint: Path, origin: Origin) -> str:
    """Refuse a checkpoint that was named and holds the state of another recipe than the run's.

    Returns what else differs, in words; empty where nothing does.
    """
    wrote = Origin.read(checkpoint)
    if wrote is not None and wrote.recipe != origin.recipe:
        raise UserError(
            f"{checkpoint} is of a run with another recipe",
            "give that recipe, or start from its weights with --model_name_or_path",
        )
    if wrote is not None and wrote.model != origin.model:
        return f"{checkpoint} is of a run of another model: {wrote.model}"
    if wrote is not None and wrote.data not in (None, origin.data):
        return f"{checkpoint} is of a run on other training questions: {wrote.data}"
    return ""


def _step(checkpoint: Checkpoint) -> int:
    return checkpoint.step
