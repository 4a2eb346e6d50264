"""Keys that come at once, as over a slow line or from a paste, take effect one after the other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from textual import events
from textual.dom import DOMNode
from textual.message_pump import MessagePump
from textual.screen import Screen

if TYPE_CHECKING:
    from textual.app import App

LONGEST = 2.0
"""Seconds after which a key that is nowhere any more keeps no other waiting."""
ROUNDS = 2
"""A key travels up to the app; what its action posts travels the same way once more."""

Typed = events.Key | events.Paste


class KeyOrder:
    """Lets a key go to the focus when the one before it has done all it does.

    A widget types a letter at once, while a binding runs only when its key has travelled up to the app: a letter would
    overtake the arrow before it, and one that follows the key that opens a field would miss it.
    """

    def __init__(self, app: App[None]) -> None:
        self.app = app
        self.waiting: deque[Typed] = deque()
        self._on_its_way: Typed | None = None
        self._since = 0.0
        self._screen: Screen[object] | None = None
        self._holds = 0

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep keys while a screen is prepared that they are meant for; what takes long keeps none."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self.app.screen.post_message(events.Callback(callback=self._let_go))

    def admits(self, event: Typed) -> bool:
        """Whether it may go on now; otherwise it is kept, and comes again."""
        if self._on_its_way is not None and time.monotonic() - self._since < LONGEST:
            self.waiting.append(event)
            return False
        if self.waiting and event is not self.waiting[0]:
            self.waiting.append(event)
            self._next()
            return False
        if self.waiting:
            self.waiting.popleft()
        self._on_its_way, self._since, self._screen = event, time.monotonic(), self.app.screen
        return True

    def follow(self, event: Typed, target: DOMNode) -> None:
        """Wait until `event`, which went to `target`, is dealt with there and all the way up."""
        self._climb(event, target, target, ROUNDS)

    def _climb(self, event: Typed, target: DOMNode, place: MessagePump, rounds: int) -> None:
        def above() -> None:
            parent = place.parent if isinstance(place, DOMNode) else None
            if parent is not None:
                self._climb(event, target, parent, rounds)
            elif rounds > 1:
                self._climb(event, target, target, rounds - 1)
            else:
                self._settle(event)

        # Behind what is in the queue already, the key among it; what is closed has no queue.
        if not place.post_message(events.Callback(callback=above)):
            self.app.post_message(events.Callback(callback=lambda: self._settle(event)))

    def _settle(self, event: Typed) -> None:
        """A screen that was opened has its focus when it is composed; elsewhere the focus is the app's next message."""
        opened = self.app.screen is not self._screen
        (self.app.screen if opened else self.app).post_message(events.Callback(callback=lambda: self._done(event)))

    def _done(self, event: Typed) -> None:
        if event is self._on_its_way:
            self._let_go()

    def _let_go(self) -> None:
        if not self._holds:
            self._on_its_way = None
            self._next()

    def _next(self) -> None:
        if self.waiting:
            self.app.post_message(self.waiting[0])
