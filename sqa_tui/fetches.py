"""Downloads of this app: they go on whichever screen is shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from textual.message_pump import MessagePump

from engine.zoo import Fetch, Part, start_fetch
from sqa_tui.messages import FetchMoved

TELL_SECONDS = 0.25
"""Least time between two words about the progress of a download."""
SHOWN_ENDED = 3
"""So many downloads that ended are kept to be shown."""

Starter = Callable[..., Fetch]


class Fetches:
    """Starts downloads and posts `FetchMoved` to all who watch, as often as can be read."""

    def __init__(self, starter: Starter = start_fetch) -> None:
        self._starter = starter
        self._all: list[Fetch] = []
        self._watchers: set[MessagePump] = set()
        self._told: dict[Fetch, float] = {}
        self._lock = threading.Lock()

    def watch(self, pump: MessagePump) -> None:
        """Post messages to it from now on."""
        self._watchers.add(pump)

    def leave(self, pump: MessagePump) -> None:
        """Post it no more messages."""
        self._watchers.discard(pump)

    def start(self, name: str, part: Part = "model") -> Fetch:
        """Begin a download; one of the same name that goes on is returned instead.

        Raises:
            UserError: no source can fetch it, which is known without asking.
        """
        with self._lock:
            going = self.of(name)
            if going is not None:
                return going
            self._all = [each for each in self._all if each.name != name]
            found = self._starter(name, part, on_change=self._changed)
            self._all.append(found)
        self._changed(found)
        return found

    def of(self, name: str) -> Fetch | None:
        """The download of an entry that still goes on."""
        return next((each for each in self._all if each.name == name and not each.done), None)

    def going(self) -> list[Fetch]:
        """Downloads that go on, the oldest first."""
        return [each for each in self._all if not each.done]

    def shown(self) -> list[Fetch]:
        """Downloads that go on, the newest first, and then some that ended."""
        ended = [each for each in self._all if each.done]
        return [*reversed(self.going()), *reversed(ended[-SHOWN_ENDED:])]

    def forget_ended(self) -> None:
        """Show no longer what ended."""
        self._all = self.going()

    def _changed(self, fetch: Fetch) -> None:
        now = time.monotonic()
        if not fetch.done and now - self._told.get(fetch, 0.0) < TELL_SECONDS:
            return
        self._told[fetch] = now
        for pump in list(self._watchers):
            pump.post_message(FetchMoved(fetch))
