"""Keys that come at once, as over a slow line or from a paste, take effect one after the other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator
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

    def __init__(self, app: App[None], press: Callable[[Typed], Awaitable[None]]) -> None:
        """`press` lets a key do what it does."""
        self.app = app
        self.press = press
        self.waiting: deque[Typed] = deque()
        self._called = False
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
            if not self.app.screen_stack or not self._behind(self.app.screen, self._let_go):
                self._let_go()

    async def take(self, event: Typed) -> None:
        """Press a key that came, at once or when those before it are dealt with."""
        self.waiting.append(event)
        if len(self.waiting) == 1 and not self._called:
            await self._press_next()
        else:
            self._call_next()

    @property
    def _busy(self) -> bool:
        return self._on_its_way is not None and time.monotonic() - self._since < LONGEST

    async def _press_next(self) -> None:
        self._called = False
        if self._busy or not self.waiting:
            return
        event, target = self.waiting.popleft(), self.app.focused or self.app.screen
        self._on_its_way, self._since, self._screen = event, time.monotonic(), self.app.screen
        await self.press(event)
        self._climb(event, target, target, ROUNDS)

    def _call_next(self) -> None:
        if self.waiting and not self._called and not self._busy:
            self._called = self.app.post_message(events.Callback(callback=self._press_next))

    def _climb(self, event: Typed, target: DOMNode, place: MessagePump, rounds: int) -> None:
        def above() -> None:
            parent = place.parent if isinstance(place, DOMNode) else None
            if parent is not None:
                self._climb(event, target, parent, rounds)
            elif rounds > 1:
                self._climb(event, target, target, rounds - 1)
            else:
                self._settle(event)

        # The key is in the queue already.
        if not self._behind(place, above):
            self._behind(self.app, lambda: self._settle(event))

    def _settle(self, event: Typed) -> None:
        """A screen that was opened has its focus when it is composed; elsewhere the focus is the app's next message."""
        opened = self.app.screen is not self._screen
        if not self._behind(self.app.screen if opened else self.app, lambda: self._done(event)):
            self._done(event)

    def _behind(self, place: MessagePump, callback: Callable[[], None]) -> bool:
        """Call back when all is dealt with that is in a queue now; False where it is closed."""
        return place.post_message(events.Callback(callback=callback))

    def _done(self, event: Typed) -> None:
        if event is self._on_its_way:
            self._let_go()

    def _let_go(self) -> None:
        if not self._holds:
            self._on_its_way = None
            self._call_next()
