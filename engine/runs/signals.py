"""How an engine hears that it should stop: the first signal asks, the second one insists."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_forking = threading.local()


def install_signal_handlers(on_stop: Callable[[], None], on_now: Callable[[], None]) -> None:
    """Call `on_stop` at the first SIGTERM or SIGINT and `on_now` at the second, both in a thread of their own.

    The numbers of the signals come through a pipe that the system's own handler fills, so that they count while the
    main thread is deep in a long computation. A hang-up of the terminal is ignored, and so is the signal of a file that
    grew beyond its limit: writing then fails with an error that can be handled. Only the main thread may call this.
    """
    receiving, sending = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(receiving, True)
    for number in (signal.SIGHUP, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(sending, warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        signal.signal(number, _left_to_the_pipe)
    os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_default_in_child)
    listener = threading.Thread(target=_listen, args=(receiving, on_stop, on_now), name="signals", daemon=True)
    listener.start()


@contextlib.contextmanager
def children_unheard() -> Generator[None]:
    """Let no child that dies break into the block.

    The handler that torch sets for its data loaders raises an error wherever the main thread is just then: also while
    the end of a run is written down. In another thread there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGCHLD)
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    except RuntimeError:
        # Python lets a handler run first whose signal came already: torch's, and that a child died is known.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        if before is not None:  # a handler that Python did not set can't be put back
            signal.signal(signal.SIGCHLD, before)


def _left_to_the_pipe(number: int, frame: FrameType | None) -> None:
    """Python needs a handler, else the signal would end the process; the pipe has its number already."""


def _hold() -> None:
    # A signal that reaches a new worker before it has its own handlers would be told to the engine and not end it.
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def _let_go() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _default_in_child() -> None:
    # A worker must die of SIGTERM, leave Ctrl-C to the engine, and not write into the engine's pipe.
    with contextlib.suppress(ValueError, OSError):
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _let_go()


def _listen(receiving: int, on_stop: Callable[[], None], on_now: Callable[[], None]) -> None:
    heard = 0
    while True:
        for number in os.read(receiving, 64):
            if number in STOP_SIGNALS:
                heard += 1
                (on_stop if heard == 1 else on_now)()
