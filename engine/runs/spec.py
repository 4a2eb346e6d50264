"""The specification of a run: every choice, written once before the engine starts and never changed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import UserError
from engine.runs.files import write_json
from engine.runs.paths import RunDirectory

SPEC_VERSION = 1
_RECORDED_PACKAGES = ("sqa-tui", "torch", "transformers", "datasets", "onnx", "onnxruntime")
_SECRETS = ("hub_token", "push_to_hub_token")


class RecipeSource(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe as the run got it: where from, its text, and the SHA-256 (hex) of the text in UTF-8."""

    source: str
    text: str
    sha256: str

    @classmethod
    def of(cls, source: str, text: str) -> RecipeSource:
        return cls(source=source, text=text, sha256=hashlib.sha256(text.encode()).hexdigest())


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Every choice of a run. The fields with an empty default are filled in by `launch.create_run`.

    `created` is in Unix seconds; `model` and `teacher` are as the user wrote them, `model_path` and `teacher_path` the
    folder or hub id they resolved to; `arguments` holds every flag the user gave, by its name with underscores.
    """

    version: int = SPEC_VERSION
    id: str = ""
    created: float = 0.0
    model: str
    model_path: str
    recipe: RecipeSource | None = None
    recipe_args: str | None = None
    teacher: str | None = None
    teacher_path: str | None = None
    dataset: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    output_dir: str = ""
    export: bool = False
    command: list[str] = []
    working_directory: str = ""
    versions: dict[str, str] = {}
    host: str = ""


def without_secrets(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as they may be shown: of a token only that there is one."""
    return {name: "…" if name in _SECRETS and value else value for name, value in arguments.items()}


def write_spec(directory: RunDirectory, spec: RunSpec) -> None:
    """Write ``spec.json`` atomically. Raises FileExistsError where there is one already, OSError on a full disk."""
    if directory.spec_file.exists():
        raise FileExistsError(f"{directory.spec_file} is written once and stays as it is")
    write_json(directory.spec_file, spec, durable=True)


def read_spec(directory: RunDirectory) -> RunSpec:
    """The specification in `directory`. Raises UserError that says what is wrong with the file."""
    path = directory.spec_file
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{directory.path} is not a run: it has no spec.json", "choose a run directory") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", "check its permissions") from error
    return _decode(path, data)


def _decode(path: Path, data: bytes) -> RunSpec:
    hint = "the run cannot be started again from this file"
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version > SPEC_VERSION:
            raise UserError(f"{path} has version {version}, this program knows {SPEC_VERSION}", "use a newer sqa-tui")
        return msgspec.json.decode(data, type=RunSpec)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is damaged or not ours: {error}", hint) from error


class _Version(msgspec.Struct):
    version: int = SPEC_VERSION


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a run's result, read without importing any of them."""
    versions = {"python": platform.python_version()}
    for package in _RECORDED_PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
