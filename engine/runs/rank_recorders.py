"""The recorders of a run's processes where they are several: rank 0 writes the log, the others write nothing.

The process that started them has the run's lock and identity and writes the exit event, by the outcome that they leave.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Generator
from typing import Any

from engine.errors import RunFailure, UserError
from engine.runs.control import ControlRequest
from engine.runs.files import write_json
from engine.runs.identity import ProcessIdentity
from engine.runs.outcome import Outcome, write_outcome
from engine.runs.paths import RunDirectory
from engine.runs.recorder import RunRecorder


class LeadingRecorder(RunRecorder):
    """Rank 0's: writes events and state and hears commands; how it ends it leaves as the run's outcome."""

    def __init__(self, directory: RunDirectory) -> None:
        super().__init__(directory)
        # Who started the ranks asks with SIGINT; SIGTERM ends a rank at once when another one died.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        write_json(directory.leader_file, ProcessIdentity.current())

    def _take_over(self) -> None:
        """The lock is held by the process that started this one."""

    def finish(self, outcome: str = "finished", reason: str = "", **fields: Any) -> None:
        """Leave the outcome; only the first counts."""
        write_outcome(self.directory, Outcome(outcome=outcome, reason=reason, error=fields.get("error")))
        self.close()

    def fail(self, error: BaseException) -> None:
        """What no restart would mend is the outcome; anything else may be gone after a restart."""
        if isinstance(error, (UserError, RunFailure)):
            super().fail(error)
        else:
            self.close()


class SilentRecorder(RunRecorder):
    """The other ranks': says nothing, hears nothing. Only a failure that no restart would mend becomes the outcome."""

    def __init__(self, directory: RunDirectory) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.directory = directory

    @property
    def stop_requested(self) -> bool:
        """Never: rank 0 is asked, and tells the others."""
        return False

    @property
    def blocked(self) -> str | None:
        """Never: nothing is written."""
        return None

    def request_stop(self) -> None:
        """Nobody asks here."""

    def emit(self, kind: str, **fields: Any) -> None:
        """Nothing is written."""

    def promise(self, seconds: float | None = None) -> None:
        """Nobody waits for a report."""

    def progress(self) -> None:
        """Nobody waits for a report."""

    @contextlib.contextmanager
    def phase(self, name: str, text: str = "", *, promise: float | None = None, **place: Any) -> Generator[None]:
        """Nothing is written."""
        yield

    @contextlib.contextmanager
    def lent(self, end_writers: Callable[[], None]) -> Generator[None]:
        """Nothing is written here anyway."""
        yield

    def requests(self) -> list[ControlRequest]:
        """None: rank 0 reads them."""
        return []

    def answer(self, request: ControlRequest, *, accepted: bool, message: str = "") -> None:
        """Nothing is written."""

    def flush(self, timeout: float | None = 5.0) -> bool:
        """Nothing waits."""
        return True

    def finish(self, outcome: str = "finished", reason: str = "", **fields: Any) -> None:
        """A failure is left as the run's outcome."""
        if outcome == "failed":
            write_outcome(self.directory, Outcome(outcome=outcome, reason=reason, error=fields.get("error")))

    def fail(self, error: BaseException) -> None:
        """What no restart would mend is the outcome; anything else may be gone after a restart."""
        if isinstance(error, (UserError, RunFailure)):
            super().fail(error)

    def close(self) -> None:
        """Nothing is open."""
