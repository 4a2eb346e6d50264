"""From a finished run to a demo model: where its files go, and the command that makes one."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from engine.errors import UserError, plain
from engine.zoo.demo import DATA, FAMILY
from engine.zoo.folder import recipes, training_folder
from engine.zoo.local import own_root
from engine.zoo.stubs import PREFIX, Stub, is_stub, parse_stub

TEACHER = f"{PREFIX}{FAMILY}/base-none"
_TRAINING_FILES = ("*.json", "*.safetensors", "*.bin", "*.txt", "recipe*.yaml", "recipe*.md")


def train_command(stub: str) -> list[str]:
    """The command line that makes the model of a demo recipe, and then exports it."""
    models = ["--model_name_or_path", TEACHER, "--distill_teacher", TEACHER, "--recipe", parse_stub(stub).bare]
    data = [
        "--dataset_name",
        "facts",
        "--max_seq_length",
        "128",
        "--doc_stride",
        "32",
        "--per_device_train_batch_size",
        "32",
    ]
    return ["sqa-tui", "train", *models, *data, "--do_train", "--do_eval", "--export"]


def is_demo_recipe(text: str | None) -> bool:
    """Whether `text` is the stub of a demo recipe, the only ones that runs publish models for."""
    if text is None or not is_stub(text):
        return False
    try:
        stub = parse_stub(text)
    except UserError:
        return False
    return stub.identity.startswith(f"{FAMILY}/") and bool(recipes(DATA / stub.identity))


def publish(stub: str, output_directory: str | Path) -> Path:
    """Copy a run's model (and its deployment folder) to our own zoo, so that the stub resolves to it from now on.

    A model that was there before is replaced as a whole; a reader sees the old folder or the new one, never a mixture.

    Args:
        stub: The demo recipe that the run was trained with.
        output_directory: The run's model folder.

    Returns:
        The published folder, in the SparseZoo layout.

    Raises:
        UserError: `stub` is not a demo recipe, or the folder holds no model.
    """
    if not is_demo_recipe(stub):
        raise UserError(f"not a demo recipe: {plain(stub)}", f"the demo recipes are under {PREFIX}{FAMILY}")
    output = Path(output_directory)
    if not (output / "config.json").is_file():
        raise UserError(f"no model to publish in {output}", "publish a finished run's output folder")
    parsed = parse_stub(stub)
    target = own_root() / parsed.identity
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".publishing-") as temporary:
        fresh = Path(temporary) / target.name
        _fill(fresh, output, parsed)
        _replace(target, fresh, Path(temporary) / "previous")
    return target


def published_model(stub: Stub) -> Path | None:
    """The training folder that a run published for `stub`."""
    folder = own_root() / stub.identity
    return training_folder(folder)


def _fill(folder: Path, output: Path, stub: Stub) -> None:
    (folder / "training").mkdir(parents=True)
    for pattern in _TRAINING_FILES:
        for file in output.glob(pattern):
            shutil.copy2(file, folder / "training" / file.name)
    if (output / "deployment").is_dir():
        shutil.copytree(output / "deployment", folder / "deployment")
    for file in (*recipes(DATA / stub.identity).values(), DATA / stub.identity / "model.md"):
        if file.is_file():
            shutil.copy2(file, folder / file.name)


def _replace(target: Path, fresh: Path, previous: Path) -> None:
    if target.exists():
        os.replace(target, previous)
    os.replace(fresh, target)
