"""Downloads from the Zoo screen: start, watch, cancel."""

from __future__ import annotations

import asyncio

from textual import on, work
from textual.timer import Timer

from engine.errors import UserError, plain
from engine.zoo import Entry
from sqa_tui.fetches import Fetches
from sqa_tui.formatting import short_name
from sqa_tui.messages import FetchMoved
from sqa_tui.screens.pick import Choice, PickScreen, pick
from sqa_tui.screens.zoo_using import Take, Using, instead_of
from sqa_tui.widgets.lines import Lines
from sqa_tui.zoo_words import fetch_line

LINES = 4
"""So many downloads are shown at most."""
LOOK_SECONDS = 0.5
"""How often downloads that go on are looked at: the last word before a long silence may not have been told."""


class Fetching(Using):
    """The part of the Zoo screen that downloads."""

    def __init__(self, take: Take | None) -> None:
        super().__init__(take)
        self._looking: Timer | None = None

    @property
    def fetches(self) -> Fetches:
        """The downloads of the app."""
        return self.app.fetches

    def read_again(self) -> None:
        """Look at the sources again: something of theirs is on this machine now."""
        raise NotImplementedError

    def ask_again(self) -> None:
        """Ask the sources whether they can be used: one of them seems not to be."""
        raise NotImplementedError

    @work(exit_on_error=False, group="fetch")
    async def action_fetch(self) -> None:
        """Begin to download the entry under the cursor, or what the user takes instead."""
        entry = self.chosen
        if entry is None:
            return
        if entry.has_model:
            self.notify(f"{plain(short_name(entry.stub))} is here: {plain(str(entry.path))}", markup=False)
            return
        try:
            await asyncio.to_thread(self.fetches.start, entry.stub)
        except UserError as error:
            await self._fetch_instead(entry, error)

    async def _fetch_instead(self, entry: Entry, error: UserError) -> None:
        """Where a source has gone, offer what another one has."""

        def read() -> list[Choice]:
            offered = [each for each in instead_of(entry.stub, "model") if ":" not in each.value]
            if not offered:
                raise error
            return [Choice("", "fetch nothing", error.message), *offered]

        title = f"{plain(short_name(entry.stub))} cannot be fetched"
        name = await pick(self.app, read, lambda offered: PickScreen(title, offered))
        if name:
            await asyncio.to_thread(self.fetches.start, name)

    def action_cancel(self) -> None:
        """Cancel the download of the entry under the cursor, else the newest one."""
        own = self.fetches.of(self.chosen.stub) if self.chosen is not None else None
        going = self.fetches.going()
        if own is not None or going:
            (own or going[-1]).cancel()
        else:
            self.fetches.forget_ended()
            self.show_fetches()

    @on(FetchMoved)
    def _moved(self, message: FetchMoved) -> None:
        self.show_fetches()
        if message.fetch.path is not None:
            self.read_again()
        if message.fetch.error is not None:
            self.ask_again()

    def show_fetches(self) -> None:
        """Show how far every download is."""
        pane, shown = self.query_one("#fetches", Lines), self.fetches.shown()[:LINES]
        if pane.display != bool(shown) or len(pane.lines) != len(shown):
            pane.styles.height = max(len(shown), 1)
            pane.display = bool(shown)
        pane.show([fetch_line(each) for each in shown])
        self.refresh_bindings()
        self._look(bool(self.fetches.going()))

    def _look(self, on: bool) -> None:
        """Look at the downloads again and again, or no longer."""
        if on and self._looking is None:
            self._looking = self.set_interval(LOOK_SECONDS, self.show_fetches)
        elif not on and self._looking is not None:
            self._looking.stop()
            self._looking = None
