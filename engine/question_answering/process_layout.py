"""How many processes train one model, and where they meet; no torch."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain
from engine.question_answering.problem import Problem

LAUNCHERS = ("here", "slurm", "local")
LAST_FAILURE = "SQA_LAST_FAILURE"
"""The environment variable that tells a restarted rank 0 why."""
LOST_OTHERS = 75
"""Exit code of a rank that failed because another one was gone."""


@dataclass(frozen=True)
class ProcessLayout:
    """`per_node` processes on each of `nodes` machines, of which this is number `node_rank`; they meet at `endpoint`
    (HOST:PORT of machine 0; None on a single one). After a process died all start anew, `max_restarts` times."""

    per_node: int = 1
    nodes: int = 1
    node_rank: int = 0
    endpoint: str | None = None
    max_restarts: int = 0

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> ProcessLayout:
        """The layout that the flags of a run describe. Raises `UserError` where they make no sense together."""
        layout = cls(
            int(arguments.get("nproc_per_node") or 1),
            int(arguments.get("nnodes") or 1),
            int(arguments.get("node_rank") or 0),
            arguments.get("rdzv_endpoint"),
            int(arguments.get("max_restarts") or 0),
        )
        for problem in layout.problems():
            raise UserError(problem.message, problem.hint)
        return layout

    @property
    def several(self) -> bool:
        """Whether processes are started beside the engine; also a single one, if it may be started again."""
        return self.per_node * self.nodes > 1 or self.max_restarts > 0

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `endpoint`. Raises ValueError where it has another form."""
        host, _, port = (self.endpoint or "").rpartition(":")
        if not host or not 0 < int(port) < 1 << 16:
            raise ValueError(f"{self.endpoint} is not HOST:PORT")
        return host.strip("[]"), int(port)

    def problems(self) -> list[Problem]:
        """What of it makes no sense."""
        if self.node_rank >= self.nodes:
            message = f"--node_rank is {self.node_rank} of --nnodes {self.nodes}"
            return [Problem("error", "task", message, f"give a number below {self.nodes}")]
        if self.nodes > 1 and self.endpoint is None:
            hint = "give HOST:PORT of machine 0, the same on every machine"
            return [Problem("error", "task", "--nnodes without --rdzv_endpoint", hint)]
        return [] if self.endpoint is None else self._about_endpoint()

    def _about_endpoint(self) -> list[Problem]:
        try:
            address = self.address
        except ValueError:
            message = f"--rdzv_endpoint {plain(str(self.endpoint), 80)} is not HOST:PORT"
            return [Problem("error", "task", message, "for example 10.0.0.1:29500")]
        if self.node_rank == 0 and not _is_free(address[1]):
            message = f"--rdzv_endpoint: port {address[1]} is in use on this machine"
            return [Problem("error", "task", message, "choose another port, the same on every machine")]
        return []


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def visible_gpus() -> int:
    """GPUs of this machine that a process may use, as far as can be seen without asking the driver."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return len([name for name in chosen.split(",") if name.strip() not in ("", "-1")])
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def check_processes(arguments: Mapping[str, Any]) -> list[Problem]:
    """Whether the processes can be started where they should."""
    launcher = arguments.get("launcher") or "here"
    if launcher not in LAUNCHERS:
        hint = f"choose one of {', '.join(LAUNCHERS)}"
        return [Problem("error", "task", f"--launcher: {plain(str(launcher), 60)!r} is unknown", hint)]
    if launcher != "here":
        return _about_cluster(arguments, str(launcher))
    try:
        layout = ProcessLayout.of(arguments)
    except UserError as error:
        return [Problem.of("task", error)]
    gpus = 0 if arguments.get("use_cpu") else visible_gpus()
    if gpus and layout.per_node > gpus:
        message = f"--nproc_per_node is {layout.per_node}, but this machine has {gpus} GPU{'s' * (gpus > 1)}"
        return [Problem("error", "task", message, f"give {gpus} at most, or --use_cpu")]
    if layout.several and arguments.get("one_shot"):
        return [Problem("error", "task", "--one_shot has nothing to share", "leave --nproc_per_node out")]
    if layout.nodes > 1 and not arguments.get("output_dir"):
        hint = "give a folder that every machine sees"
        return [Problem("error", "output", "several machines need one --output_dir", hint)]
    return []


def _about_cluster(arguments: Mapping[str, Any], launcher: str) -> list[Problem]:
    if importlib.util.find_spec("submitit") is None:
        hint = "pip install 'sqa-tui[slurm]'"
        return [Problem("error", "task", f"--launcher {launcher} needs submitit, which is not installed", hint)]
    if launcher == "slurm" and shutil.which("sbatch") is None:
        hint = "run the command on a login node of the cluster"
        return [Problem("error", "task", "--launcher slurm: there is no sbatch on this machine", hint)]
    try:
        further_options(arguments)
    except UserError as error:
        return [Problem.of("task", error)]
    return []


def job_options(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the flags of a run ask of a cluster job, by submitit's names."""
    processes = int(arguments.get("nproc_per_node") or 1)
    gpus = arguments.get("slurm_gpus")
    wanted: dict[str, Any] = {
        "timeout_min": int(arguments.get("slurm_time") or 1440),
        "nodes": int(arguments.get("nnodes") or 1),
        "gpus_per_node": gpus if gpus is not None else 0 if arguments.get("use_cpu") else processes,
    }
    if arguments.get("slurm_partition"):
        wanted["slurm_partition"] = arguments["slurm_partition"]
    return {**wanted, **further_options(arguments)}


def further_options(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`--slurm_options` as a dictionary. Raises `UserError` where it is none."""
    text = arguments.get("slurm_options") or "{}"
    try:
        options = json.loads(text)
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise UserError("--slurm_options is not a JSON object", 'for example {"slurm_account": "nlp"}')
    return options
