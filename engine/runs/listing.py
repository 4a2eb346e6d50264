"""All runs at a glance."""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec

from engine.errors import UserError
from engine.runs.evidence import Assessment, examine
from engine.runs.paths import RunDirectory, run_directories
from engine.runs.spec import RunSpec, read_spec
from engine.runs.state import RunState


class SpecBrief(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of a specification."""

    created: float
    model: str
    recipe: str | None
    teacher: str | None
    dataset: str
    host: str
    output_dir: str


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One run in a list; `problem` says what is wrong with its specification, and `spec_brief` is None then."""

    id: str
    path: Path
    spec_brief: SpecBrief | None
    state: RunState
    assessment: Assessment
    problem: str | None = None


def list_runs(root: Path | None = None) -> list[RunSummary]:
    """Every run below `root` (default: `paths.runs_root()`), newest first; a damaged one is listed with its problem."""
    return [summarize(run) for run in run_directories(root)]


def summarize(directory: RunDirectory) -> RunSummary:
    """One run as a list shows it, from a few small reads."""
    brief, problem = _brief(directory)
    assessment, state = examine(directory)
    return RunSummary(
        id=directory.id,
        path=directory.path,
        spec_brief=brief,
        state=state,
        assessment=assessment,
        problem=problem,
    )


def _brief(directory: RunDirectory) -> tuple[SpecBrief | None, str | None]:
    try:
        return _read_brief(directory, *_stamp(directory.spec_file)), None
    except UserError as error:
        return None, error.message


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_ino, status.st_mtime_ns


@functools.lru_cache(maxsize=4096)
def _read_brief(directory: RunDirectory, inode: int, changed: int) -> SpecBrief:
    """A specification never changes: inode and time tell it from another one of the same name."""
    return brief_of(read_spec(directory))


def brief_of(spec: RunSpec) -> SpecBrief:
    dataset = spec.dataset
    named = dataset.get("dataset_name") or dataset.get("train_file") or dataset.get("validation_file")
    return SpecBrief(
        created=spec.created,
        model=spec.model,
        recipe=spec.recipe.source if spec.recipe else None,
        teacher=spec.teacher,
        dataset=named or "",
        host=spec.host,
        output_dir=spec.output_dir,
    )
