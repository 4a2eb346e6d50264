"""Threads for what waits for a disk or a network; none of them holds the end of the app."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

GRACE_SECONDS = 1.0
"""So long the end of the app waits for what is nearly done: a recipe that is saved, an engine that is started."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class DaemonThreads(ThreadPoolExecutor):
    """Every call in a daemon thread of its own, for `set_default_executor` of an event loop, which takes this class.

    The pool's own threads are joined when Python ends, and one that hangs (a disk that is gone, a pipe for a file)
    would keep the process alive after its screen is gone; a few such would leave no thread for anything else, too.
    """

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        super().__init__()
        self._grace = grace
        self._going: set[threading.Thread] = set()

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Begin the call at once."""
        future: Future[Result] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # what was raised is for whoever awaits the future
                future.set_exception(error)
            finally:
                self._going.discard(threading.current_thread())

        future.set_running_or_notify_cancel()
        thread = threading.Thread(target=run, name=getattr(fn, "__name__", "call"), daemon=True)
        self._going.add(thread)
        thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the calls that go on, together no longer than the grace."""
        until = time.monotonic() + (self._grace if wait else 0.0)
        for thread in list(self._going):
            thread.join(max(until - time.monotonic(), 0.0))
