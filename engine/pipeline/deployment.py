"""Where a deployed model lies on disk, and what is known about it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.runs.paths import find_run

FOLDER = "deployment"
MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
ABOUT_FILE = "sqa.json"


@dataclass(frozen=True)
class Deployment:
    """A folder that holds an exported model, its tokenizer and `sqa.json`."""

    folder: Path
    model_file: Path

    @property
    def tokenizer_file(self) -> Path:
        return self.folder / TOKENIZER_FILE

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the exporter wrote about the model; empty for a folder that another program made."""
        return _read_object(self.folder / ABOUT_FILE)

    @cached_property
    def size_bytes(self) -> int:
        return self.model_file.stat().st_size

    def longest_input(self) -> int | None:
        """The number of tokens the model was exported for, from `sqa.json`, tokenizer or configuration."""
        candidates = (
            self.about.get("sequence_length"),
            _read_object(self.folder / "tokenizer_config.json").get("model_max_length"),
            _read_object(self.folder / "config.json").get("max_position_embeddings"),
        )
        # A tokenizer without a limit says so with a number beyond 1e29.
        return next((int(value) for value in candidates if isinstance(value, int) and 0 < value < 1_000_000), None)


def find_deployment(model_path: str | Path, onnx_file_name: str = MODEL_FILE) -> Deployment:
    """The deployment in `model_path`: the folder itself, or the folder `deployment` inside a model folder.

    An ONNX file stands for the folder it lies in, a run (its id or its directory) for the folder of its model.
    Raises `UserError` that names the missing file and the command that makes it.
    """
    folder = Path(model_path).expanduser()
    if folder.is_file():
        return _of_file(folder)
    folder = _output_of_run(folder) or folder
    if not folder.is_dir():
        raise UserError(f"no such folder: {folder}", "name a deployment folder, or a model folder that was exported")
    for place in (folder, folder / FOLDER):
        if (place / onnx_file_name).is_file():
            return _complete(Deployment(place, place / onnx_file_name))
    inside = folder.absolute().name == FOLDER and (folder.absolute().parent / "config.json").is_file()
    model = folder.absolute().parent if inside else folder
    if (model / "config.json").is_file():
        command = f"sqa-tui export --model_path {shlex.quote(str(model))} --task question-answering"
        raise UserError(f"{folder} holds a model that was not exported: no {onnx_file_name}", f"run: {command}")
    raise UserError(
        f"{folder} holds no {onnx_file_name}", "name a deployment folder, or a model folder that was exported"
    )


def _of_file(path: Path) -> Deployment:
    if path.suffix != ".onnx":
        raise UserError(f"{path} is a file, and no .onnx", "name the deployment folder")
    return _complete(Deployment(path.parent, path))


def _output_of_run(path: Path) -> Path | None:
    """Where the run that `path` names (a directory, or an id that is no folder here) keeps its model."""
    if path.is_dir():
        spec = path / "spec.json"
    elif path.name == str(path):
        try:
            spec = find_run(path.name).spec_file
        except UserError:
            return None
    else:
        return None
    output = _read_object(spec).get("output_dir")
    return Path(output) if isinstance(output, str) and output else None


def _complete(deployment: Deployment) -> Deployment:
    if not deployment.tokenizer_file.is_file():
        raise UserError(f"{deployment.folder} holds no {TOKENIZER_FILE}", "copy it there from the model's own folder")
    return deployment


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
