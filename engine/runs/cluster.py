"""A run as a job of a cluster, by submitit; all that the app needs is the run's directory on a shared file system."""

from __future__ import annotations

import importlib
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain
from engine.runs.launch import ENGINE_MODULE, import_folders, start_engine, stop_engine
from engine.runs.paths import RunDirectory

_PORTS = (20000, 20000)
"""The first of the ports where the machines of a job meet, and how many there are."""


class EngineJob:
    """What the job does on each of its machines: the first has the engine, the others help it.

    Before its time is over, or when the cluster wants the machines back, the run stops at a checkpoint, and the job
    goes back to the queue to go on from it.
    """

    def __init__(self, path: Path, further: tuple[str, ...] = ()) -> None:
        self.path = path
        self.further = further

    def __call__(self) -> int:
        """The exit code of the engine."""
        place = _submitit().JobEnvironment()
        node, nodes = int(place.node), int(place.num_nodes)
        argv = [sys.executable, "-m", ENGINE_MODULE, "--run_directory", str(self.path), *self.further]
        if nodes > 1:
            argv += ["--node_rank", str(node), "--rdzv_endpoint", _meeting_place(place)]
        if node > 0:
            return subprocess.Popen([*argv, "--join"]).wait()
        return start_engine(RunDirectory(self.path), argv=argv).wait()

    def checkpoint(self) -> Any:
        """Stop the run; what the job does when it is started again."""
        directory = RunDirectory(self.path)
        stop_engine(directory)
        return _submitit().helpers.DelayedSubmission(EngineJob(self.path, self.further))


def _submitit() -> Any:
    try:
        return importlib.import_module("submitit")
    except ImportError as error:
        raise UserError("submitit is not installed", "pip install 'sqa-tui[slurm]'") from error


def _meeting_place(place: Any) -> str:
    first, count = _PORTS
    number = int("".join(filter(str.isdigit, str(place.job_id))) or 0)
    return f"{place.hostnames[0]}:{first + number % count}"


def submit(directory: RunDirectory, cluster: str, options: dict[str, Any], further: tuple[str, ...] = ()) -> str:
    """Put the run into the cluster's queue; returns the job's number. `cluster`: slurm or local; `options`: as
    submitit's AutoExecutor takes them; `further`: arguments of the engine. Raises UserError where it is refused."""
    directory.path.joinpath("jobs").mkdir(exist_ok=True)
    exports = [f"export {name}={shlex.quote(value)}" for name, value in import_folders().items()]
    try:
        executor = _submitit().AutoExecutor(folder=directory.path / "jobs", cluster=cluster)
        executor.update_parameters(name=directory.id, tasks_per_node=1, **{f"{cluster}_setup": exports}, **options)
        return str(executor.submit(EngineJob(directory.path.absolute(), further)).job_id)
    except UserError:
        raise
    except Exception as error:  # submitit's own classes, and whatever sbatch says
        hint = "check --slurm_partition and --slurm_options"
        raise UserError(f"{cluster} refused the job of {directory.id}: {plain(str(error), 300)}", hint) from error
