"""Downloads that run beside other work, each in a thread that watches its client; any number at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from engine.errors import UserError
from engine.zoo.fetching import choose_source, fetch_from
from engine.zoo.source import FetchCancelled, Part, Progress, Source


class Fetch:
    """One download; what it shows may be read from any thread.

    Attributes:
        name: What is fetched.
        progress: The latest.
        path: The complete folder; None until then.
        error: Why it failed; None where it did not.
        cancelled: Whether it was given up on request.
    """

    def __init__(self, source: Source, name: str, part: Part, on_change: Callable[[Fetch], None] | None) -> None:
        self.name = name
        self.part: Part = part
        self.progress = Progress(name=name, source=source.name)
        self.path: Path | None = None
        self.error: UserError | None = None
        self.cancelled = False
        self._source, self._on_change = source, on_change
        self._give_up, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"fetch {name}", daemon=True)

    @property
    def done(self) -> bool:
        """Whether it ended, in whatever way."""
        return self.path is not None or self.error is not None or self.cancelled

    def start(self) -> Fetch:
        """Begin; `on_change` is called in the download's thread, after each change."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Give it up: `done` follows within a moment, and nothing of it is left."""
        self._give_up.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; whether it came. An interrupt ends the wait alone, and one may wait again."""
        # Not `join`: Python 3.11 takes a thread for dead whose `join` was interrupted.
        return self._ended.wait(timeout)

    def _run(self) -> None:
        try:
            self._fetch()
            self._tell()
        finally:
            self._ended.set()

    def _fetch(self) -> None:
        try:
            self.path = fetch_from(
                self._source, self.name, self.part, on_progress=self._moved, cancelled=self._give_up.is_set
            )
        except UserError as error:
            self.error = error
        except FetchCancelled:
            self.cancelled = True
        except Exception as error:
            self.error = UserError(f"{type(error).__name__}: {error}", "")

    def _moved(self, progress: Progress) -> None:
        self.progress = progress
        self._tell()

    def _tell(self) -> None:
        if self._on_change is not None:
            self._on_change(self)


def start_fetch(
    name: str,
    part: Part = "model",
    *,
    source: str | None = None,
    on_change: Callable[[Fetch], None] | None = None,
) -> Fetch:
    """Begin a download in a thread of its own.

    Args:
        name: A stub or the id of a repository on the hub.
        part: What of it.
        source: Where from; by default stubs from a SparseZoo server and everything else from the hub.
        on_change: Called in that thread after each change of progress and at the end.

    Raises:
        UserError: The source cannot fetch, which is known without asking it.
    """
    return Fetch(choose_source(name, source), name, part, on_change).start()
