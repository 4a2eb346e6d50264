"""Creating a run and starting, stopping and reaping its engine."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

import engine
from engine.errors import UserError
from engine.runs.control import discard_requests
from engine.runs.identity import ProcessIdentity, read_identity, write_identity
from engine.runs.lock import probe
from engine.runs.paths import PRIVATE, RunDirectory, home, make_private, runs_root, slug_of
from engine.runs.spec import RunSpec, installed_versions, read_spec, write_spec

ENGINE_MODULE = "engine.question_answering.train"
_ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Else torchelastic would end the run at a hang-up of the terminal.
    "TORCHELASTIC_SIGNALS_TO_HANDLE": "SIGTERM,SIGINT,SIGQUIT",
    # The user's folder may hold a folder named engine; it must not be imported in our place.
    "PYTHONSAFEPATH": "1",
}


def create_run(*, slug: str, spec: RunSpec | None = None, root: Path | None = None, **choices: Any) -> RunDirectory:
    """Make the directory of a new run with its ``spec.json``, at once and complete or not at all.

    The choices are those of `spec` with `choices` (fields of `RunSpec`) on top; id, time, host, versions, output and
    working directory are filled in where they are empty. The id is ``<yyyymmdd>-<hhmmss>-<slug>`` in local time, with a
    number after it where that is taken. Raises UserError where nothing can be created.
    """
    draft = msgspec.structs.replace(spec, **choices) if spec else RunSpec(**choices)
    folder = root or runs_root()
    try:
        staging = make_private(folder) / f".new-{os.getpid()}-{secrets.token_hex(4)}"
        staging.mkdir(mode=PRIVATE)
        try:
            return _publish(staging, folder, slug_of(slug), _completed(draft))
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"cannot create a run in {folder}: {reason}", "free space, or set SQA_HOME elsewhere"
        ) from error


def _completed(draft: RunSpec) -> RunSpec:
    return msgspec.structs.replace(
        draft,
        created=draft.created or time.time(),
        host=draft.host or socket.gethostname(),
        versions=draft.versions or installed_versions(),
        working_directory=draft.working_directory or os.getcwd(),
    )


def _publish(staging: Path, folder: Path, slug: str, spec: RunSpec) -> RunDirectory:
    (staging / "control").mkdir(mode=PRIVATE)
    stem = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(spec.created))}-{slug}"
    number = 1
    while True:
        directory = RunDirectory(folder / (stem if number == 1 else f"{stem}-{number}"))
        if not directory.path.exists() and _rename(staging, directory, spec):
            return directory
        number += 1


def _rename(staging: Path, directory: RunDirectory, spec: RunSpec) -> bool:
    """Give the staged folder its name; False where somebody else took it meanwhile."""
    output = spec.output_dir or str(directory.output)
    staged = RunDirectory(staging)
    staged.spec_file.unlink(missing_ok=True)
    write_spec(staged, msgspec.structs.replace(spec, id=directory.id, output_dir=output))
    try:
        os.rename(staging, directory.path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def start_engine(
    directory: RunDirectory, *, argv: Sequence[str] | None = None, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start the engine of a run in a session of its own, its output in ``console.log``; `argv` replaces the command.

    It runs in the folder where the run was created, so that relative paths mean what the user meant. The caller polls
    the process (or gives it to `EngineChildren`), else it stays a zombie. Raises UserError where it cannot be started.
    """
    if probe(directory.lock_file) == "held":
        raise UserError(f"{directory.id} has an engine already", "attach to it, or stop it first")
    command = list(argv or (sys.executable, "-m", ENGINE_MODULE, "--run_directory", str(directory.path)))
    try:
        directory.process_file.unlink(missing_ok=True)
        discard_requests(directory)
        process = _spawn(directory, command, {**os.environ, **_ENVIRONMENT, **import_folders(), **(environment or {})})
    except OSError as error:
        raise UserError(
            f"cannot start the engine of {directory.id}: {error.strerror or error}", str(directory.path)
        ) from error
    _identify(directory, process.pid)
    return process


def _spawn(directory: RunDirectory, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    console = os.open(directory.console_file, flags, 0o600)
    try:
        return subprocess.Popen(
            command,
            cwd=_working_directory(directory),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            close_fds=True,
        )
    finally:
        os.close(console)


def import_folders() -> dict[str, str]:
    """The folders that must mean the same in the engine, which may run in another one than this process."""
    here = str(Path(engine.__file__).parent.parent)
    rest = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{here}{os.pathsep}{rest}" if rest else here, "SQA_HOME": str(home())}


def _working_directory(directory: RunDirectory) -> Path:
    try:
        wanted = Path(read_spec(directory).working_directory)
    except UserError:
        return directory.path
    return wanted if wanted.is_absolute() and wanted.is_dir() else directory.path


def _identify(directory: RunDirectory, pid: int) -> None:
    """Say who the engine is until it says so itself, so that one which dies at once is seen to be dead."""
    with contextlib.suppress(OSError):
        if not directory.process_file.exists():
            write_identity(directory, ProcessIdentity.of(pid))


def stop_engine(directory: RunDirectory, *, now: bool = False) -> None:
    """Ask the engine to write a checkpoint and end, or to end `now`. Raises UserError where none runs here."""
    identity = read_identity(directory)
    alive = identity.alive() if identity else False
    if identity is None or alive is False:
        raise UserError(f"{directory.id} has no running engine", "nothing to stop")
    if alive is None:
        raise UserError(
            f"the engine of {directory.id} runs on {identity.host}", "stop it there, or use the command stop"
        )
    # Only the engine: data-loading workers that die of the same signal would spoil its last checkpoint.
    _signal(identity, signal.SIGTERM)
    if now:
        _wait_until_delivered(identity)
        _signal(identity, signal.SIGTERM)


def kill_engine(directory: RunDirectory) -> None:
    """Kill the engine and its workers without asking; the run is then `killed`."""
    identity = read_identity(directory)
    if identity is None or not identity.alive():
        raise UserError(f"{directory.id} has no running engine here", "nothing to kill")
    with contextlib.suppress(ProcessLookupError):
        if identity.pgid == identity.pid:
            os.killpg(identity.pgid, signal.SIGKILL)
        else:
            os.kill(identity.pid, signal.SIGKILL)


def _signal(identity: ProcessIdentity, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        if identity.alive():
            os.kill(identity.pid, number)


def _wait_until_delivered(identity: ProcessIdentity, seconds: float = 1.0) -> None:
    """Two signals of a kind that wait together count as one (signal(7)): the first has to arrive before the second."""
    bit = 1 << (signal.SIGTERM - 1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            status = Path(f"/proc/{identity.pid}/status").read_text()
        except OSError:
            return
        pending = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
        if not any(mask & bit for mask in pending):
            return
        time.sleep(0.01)


class EngineChildren:
    """The engines that this process started, so that those which end are reaped and leave no zombies."""

    def __init__(self) -> None:
        self._children: dict[RunDirectory, subprocess.Popen[bytes]] = {}

    def adopt(self, directory: RunDirectory, process: subprocess.Popen[bytes]) -> None:
        """Take care of `process`, the engine of `directory`."""
        self._children[directory] = process

    def poll(self) -> list[tuple[RunDirectory, int]]:
        """The runs whose engine ended since the last call, with its return code (negative: what signal killed it)."""
        ended = [(run, child.returncode) for run, child in self._children.items() if child.poll() is not None]
        for run, _ in ended:
            del self._children[run]
        return ended
