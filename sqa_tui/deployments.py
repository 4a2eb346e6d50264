"""Exported models on this machine: those that runs made."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from engine.errors import UserError, plain
from engine.runs.listing import RunSummary, list_runs, summarize
from engine.runs.paths import RunDirectory

FOLDER = "deployment"
MODEL_FILE = "model.onnx"


@dataclass(frozen=True)
class Deployed:
    """A deployment folder and where it comes from."""

    name: str
    folder: Path
    note: str = ""
    dataset: str = ""
    """The data set of its run, as written; empty where unknown."""


def deployments() -> list[Deployed]:
    """The exported models of all runs, newest first. Reads the disk."""
    found = [_of_run(run) for run in list_runs()]
    return [deployed for deployed in found if deployed is not None]


def deployment_of(path: Path) -> Deployed:
    """The exported model that a path means: a run's directory, a model folder, or the deployment folder itself.

    Raises:
        UserError: there is none.
    """
    path = path.expanduser()
    directory = RunDirectory(path)
    if directory.spec_file.is_file():
        return _required(summarize(directory))
    for folder in (path, path / FOLDER):
        if (folder / MODEL_FILE).is_file():
            return _known(folder) or Deployed(_name(folder), folder)
    what = "no such folder" if not path.is_dir() else f"no {MODEL_FILE} in it"
    raise UserError(f"{plain(str(path))}: {what}", "name a folder that sqa-tui export made")


def name_beside(one: Deployed, other: Deployed | None) -> str:
    """The name of a model that is shown beside another: with the part of its path that differs where both are named so.

    A run of the same name as another has its id there.
    """
    if other is None or one.name != other.name:
        return one.name
    pairs = zip_longest(one.folder.parts, other.folder.parts, fillvalue="")
    part = next((mine for mine, theirs in pairs if mine != theirs), "")
    return f"{one.name} ({plain(part)})" if part else one.name


def _known(folder: Path) -> Deployed | None:
    return next((deployed for deployed in deployments() if deployed.folder.samefile(folder)), None)


def _required(run: RunSummary) -> Deployed:
    deployed = _of_run(run)
    if deployed is None:
        hint = "it exports when it is finished" if run.state.outcome is None else "export it first: sqa-tui export"
        raise UserError(f"{plain(RunDirectory(run.path).slug)} has no exported model", hint)
    return deployed


def _of_run(run: RunSummary) -> Deployed | None:
    brief = run.spec_brief
    folders = [Path(run.state.export_path)] if run.state.export_path else []
    if brief and brief.output_dir:
        folders.append(Path(brief.output_dir) / FOLDER)
    folder = next((folder for folder in folders if (folder / MODEL_FILE).is_file()), None)
    if folder is None:
        return None
    score = f"F1 {run.state.f1:.1f}" if run.state.f1 is not None else run.assessment.state
    return Deployed(plain(RunDirectory(run.path).slug), folder, score, brief.dataset if brief else "")


def _name(folder: Path) -> str:
    parent = folder.resolve().parent if folder.name == FOLDER else folder
    return plain(parent.name)
