"""The processes that train one model: started, watched and started again by torch's elastic agent (torchrun's)."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from torch.distributed.elastic.agent.server.api import RunResult, WorkerGroup, WorkerSpec
from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.rendezvous import RendezvousParameters
from torch.distributed.elastic.rendezvous import registry as rendezvous

from engine.errors import RunFailure, UserError
from engine.question_answering.process_layout import LAST_FAILURE, LOST_OTHERS, ProcessLayout
from engine.runs.identity import ProcessIdentity, read_identity_file
from engine.runs.outcome import Outcome, read_outcome
from engine.runs.paths import RunDirectory
from engine.runs.recorder import RunRecorder

RANK_MODULE = "engine.question_answering.rank"
_POLL_SECONDS = 0.1
_FAREWELL_SECONDS = 30.0
"""From the outcome of a run to the end of its processes."""


class RanksFailure(RunFailure):
    """A process of the run died."""


class _Agent(LocalElasticAgent):
    """Remembers, in words, which rank failed."""

    fault = ""

    def kill_ranks(self) -> None:
        """Kill the ranks of this machine."""
        for pid in self._pcontext.pids().values() if self._pcontext is not None else ():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _monitor_workers(self, worker_group: WorkerGroup) -> RunResult:
        result: RunResult = super()._monitor_workers(worker_group)  # pyright: ignore[reportCallIssue]
        if result.is_failed():
            self.fault = os.environ[LAST_FAILURE] = in_words(dict(result.failures))
            print(f"warning: {self.fault}", flush=True)
        return result


def in_words(failures: dict[int, Any]) -> str:
    """The failure that the others follow from: "rank 1 was killed by SIGKILL"."""
    rank = min(failures, key=lambda rank: (_order(failures[rank].exitcode), rank))
    code = failures[rank].exitcode
    if code >= 0:
        return f"rank {rank} ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"rank {rank} was killed by {name}"


def _order(code: int) -> int:
    """A rank that the agent ends (SIGTERM), or that lost another one, is not the first that failed."""
    return 2 if code == -signal.SIGTERM else 1 if code == LOST_OTHERS else 0


def run_ranks(directory: RunDirectory, layout: ProcessLayout, recorder: RunRecorder) -> Exception | None:
    """Let the ranks do the run; they write events, state and model, and this process waits and passes a stop on.

    Returns why the run failed, in words for a person; the exit event is written by then.
    """
    if layout.node_rank == 0:
        directory.outcome_file.unlink(missing_ok=True)
        directory.leader_file.unlink(missing_ok=True)
    agent = _agent(directory, layout)
    faults: list[BaseException] = []
    thread = threading.Thread(target=_run, args=(agent, faults), name="agent", daemon=True)
    with recorder.lent(lambda: _end_leader(directory)):
        thread.start()
        _watch(directory, recorder, agent, thread)
    return _conclude(read_outcome(directory), agent.fault, faults, layout, recorder)


def _run(agent: _Agent, faults: list[BaseException]) -> None:
    """In a thread, where the agent leaves the signals alone."""
    try:
        agent.run()
    except BaseException as error:
        faults.append(error)
    finally:
        with contextlib.suppress(Exception):
            agent.get_worker_group().spec.rdzv_handler.shutdown()


def _agent(directory: RunDirectory, layout: ProcessLayout) -> _Agent:
    logging.getLogger("torch.distributed").setLevel(logging.ERROR)
    # Else every rank would take all cores.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(len(os.sched_getaffinity(0)) // layout.per_node, 1)))
    single = layout.endpoint is None
    parameters = RendezvousParameters(
        backend="c10d" if single else "static",
        endpoint="localhost:0" if single else str(layout.endpoint),
        run_id=directory.id if single else "sqa-tui",
        min_nodes=layout.nodes,
        max_nodes=layout.nodes,
        **({} if single else {"rank": layout.node_rank}),  # pyright: ignore[reportArgumentType]
    )
    host, port = (None, None) if single else layout.address
    spec = WorkerSpec(
        role="rank",
        local_world_size=layout.per_node,
        entrypoint=sys.executable,
        args=("-m", RANK_MODULE, "--run_directory", str(directory.path), "--parent", str(os.getpid())),
        rdzv_handler=rendezvous.get_rendezvous_handler(parameters),
        max_restarts=layout.max_restarts,
        monitor_interval=_POLL_SECONDS,
        master_addr=host,
        master_port=port,
    )
    return _Agent(spec, logs_specs=DefaultLogsSpecs(log_dir=str(_log_folder(directory))))


def _log_folder(directory: RunDirectory) -> Path:
    folder = directory.path / "agent"
    folder.mkdir(exist_ok=True)
    return folder


def _watch(directory: RunDirectory, recorder: RunRecorder, agent: _Agent, thread: threading.Thread) -> None:
    """Tell rank 0, also one that was started again, as soon as the run is asked to stop; end ranks that still wait for
    another one when the outcome is known."""
    told: ProcessIdentity | None = None
    known: float | None = None
    while thread.is_alive():
        thread.join(_POLL_SECONDS)
        if known is None and directory.outcome_file.exists():
            known = time.monotonic()
        if known is not None and time.monotonic() > known + _FAREWELL_SECONDS:
            agent.kill_ranks()
            known = time.monotonic()
        leader = read_identity_file(directory.leader_file) if recorder.stop_requested else None
        if leader is not None and leader != told and leader.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(leader.pid, signal.SIGINT)
            told = leader


def _end_leader(directory: RunDirectory) -> None:
    """Kill rank 0 and wait until it writes no more; the others die with this process."""
    leader = read_identity_file(directory.leader_file)
    if leader is None:
        return
    with contextlib.suppress(ProcessLookupError):
        if leader.alive():
            os.kill(leader.pid, signal.SIGKILL)
    while leader.alive():
        time.sleep(0.01)


def _conclude(
    outcome: Outcome | None,
    fault: str,
    faults: list[BaseException],
    layout: ProcessLayout,
    recorder: RunRecorder,
) -> Exception | None:
    if outcome is None:
        outcome = _without_word(fault, faults, layout)
    error = outcome.error
    if error is None:
        recorder.finish(outcome.outcome, outcome.reason)
        return None
    recorder.finish(outcome.outcome, outcome.reason, error=error)
    kind = UserError if error.get("usage") else RanksFailure
    return kind(str(error["message"]), str(error["hint"]))


def _without_word(fault: str, faults: list[BaseException], layout: ProcessLayout) -> Outcome:
    """How a run ended whose ranks did not say: the machines beside number 0 never do where all went well."""
    if not fault and not faults and layout.node_rank > 0:
        return Outcome(outcome="finished", reason="machine 0 has the model")
    message = fault or (f"the ranks could not be started: {faults[0]}" if faults else "the ranks ended without a word")
    hint = "`sqa-tui resume` goes on from the last checkpoint; with --max_restarts a run does so by itself"
    if layout.max_restarts and fault:
        message = f"{message}, after {layout.max_restarts} restart{'s' * (layout.max_restarts > 1)}"
    facts = {"type": "RanksFailure", "message": message, "hint": hint, "usage": False}
    return Outcome(outcome="failed", reason=message, error=facts)
