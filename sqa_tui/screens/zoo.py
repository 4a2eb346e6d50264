"""Every model, recipe and teacher of all sources: find one, read its card, fetch it, use it in a new run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import msgspec
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.timer import Timer
from textual.widgets import Input, Static

from engine.errors import UserError, plain
from engine.zoo import Entry, list_entries, search, sources
from engine.zoo.filters import Index, Query
from engine.zoo.words import HINT, read_words
from sqa_tui.actions import bindings_of
from sqa_tui.card_lines import CardView, card_lines, failed_lines, read_card
from sqa_tui.messages import EntriesListed
from sqa_tui.screens.zoo_card import ZooCardScreen
from sqa_tui.screens.zoo_fetching import Fetching
from sqa_tui.screens.zoo_sources import ZooSourcesScreen
from sqa_tui.screens.zoo_using import Take
from sqa_tui.source_states import as_answered, ask_sources
from sqa_tui.widgets.card_pane import CardLine, CardPane
from sqa_tui.widgets.cursor_list import CursorList
from sqa_tui.widgets.filter_bar import FilterBar
from sqa_tui.widgets.key_bar import KeyBar
from sqa_tui.widgets.lines import Lines, Piece, TitleBar
from sqa_tui.widgets.zoo_list import BEST_FIRST, Order, ZooList, arranged
from sqa_tui.zoo_filters import fields_for, query_of
from sqa_tui.zoo_words import SourceState, source_line, source_lines

CARD_SECONDS = 0.08
"""How long the cursor rests on an entry before its card is read."""
WIDE = 120
SLOW = ("local",)
"""Sources whose entries take time to be found; all others are shown at once."""


class ZooScreen(Fetching):
    """One table of all sources, its card beside it; threads read, this screen shows what they found."""

    CSS_PATH = "zoo.tcss"
    BINDINGS = bindings_of("zoo")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
    AUTO_FOCUS = "#list"

    def __init__(self, take: Take | None = None) -> None:
        """`take` is given what is chosen for a form; without it a new run is prepared."""
        super().__init__(take)
        self._index = Index(())
        self._found: dict[str, Entry] = {}
        self._states: tuple[SourceState, ...] = ()
        self._doing = "reading the sources …"
        self._card: tuple[str, list[CardLine]] = ("", [])
        self._card_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TitleBar("Zoo" if self._take_fields is None else "Zoo for the new run")
        words = Input(placeholder=f"words, as in: {HINT}", id="words", compact=True)
        words.cursor_blink = False
        yield words
        yield FilterBar(id="fields")
        with Container(id="body"):
            yield Static("", id="empty")
            yield ZooList(id="list")
            with Container(id="right"):
                yield CardPane("card", id="card")
                yield Lines(id="sources")
        yield Lines(id="fetches")
        yield KeyBar()

    def on_mount(self) -> None:
        self.fetches.watch(self)
        self.show_fetches()
        self._show()
        self.read_again()

    def on_unmount(self) -> None:
        self.fetches.leave(self)

    def on_resize(self) -> None:
        self._show_sources()

    # entries

    @property
    def chosen(self) -> Entry | None:
        found = self.query(ZooList)
        return found.first().selected if found else None

    def action_reload(self) -> None:
        self._doing = "reading the sources …"
        self._show_title()
        self.read_again()

    def read_again(self) -> None:
        self._read()

    @work(thread=True, exit_on_error=False, exclusive=True, group="read")
    def _read(self) -> None:
        there = sources()
        states = tuple((source.name, source.title, source.state()) for source in there)
        if not self._index.entries:
            at_once = list_entries([source for source in there if source.name not in SLOW])
            self.post_message(EntriesListed(Index(at_once), states, whole=False))
        self.post_message(EntriesListed(self._with_found(list_entries(there)), states, whole=True))

    @on(EntriesListed)
    def _listed(self, message: EntriesListed) -> None:
        self._index, self._states = message.index, as_answered(message.states, self.app.answered)
        self._doing = "" if message.whole else self._doing
        self._show_sources()
        self._arrived()

    def _with_found(self, entries: Sequence[Entry]) -> Index:
        """These entries, then what was found by asking the sources."""
        known = {entry.stub for entry in entries}
        return Index((*entries, *(entry for name, entry in self._found.items() if name not in known)))

    def _arrived(self) -> None:
        self.query_one(FilterBar).show(fields_for(self._index.entries))
        self._show()

    def action_search(self) -> None:
        self._search(self._query.words)

    @work(exit_on_error=False, exclusive=True, group="search")
    async def _search(self, words: str) -> None:
        self._doing = f"asking for “{plain(words)}” …" if words else "asking for models …"
        self._show_title()
        try:
            found = await asyncio.to_thread(search, words)
        except UserError:
            self.ask_again()
            raise
        finally:
            self._doing = ""
            self._show_title()
        self._found |= {entry.stub: entry for entry in found}
        self._index = self._with_found(self._index.entries)
        if self.app.answered:
            self.ask_again()
        self.notify(f"{len(found)} entries found{f' for {plain(words)}' if words else ''}", markup=False)
        self._arrived()

    def ask_again(self) -> None:
        """Show whether the sources answer; none is asked that says without it that it cannot be used."""
        self._ask_sources()

    @work(exit_on_error=False, exclusive=True, group="ask")
    async def _ask_sources(self) -> None:
        self._states = await ask_sources(self.app.answered)
        self._show_sources()

    # filters and order

    @property
    def _query(self) -> Query:
        return read_words(self.query_one("#words", Input).value)

    @on(Input.Changed, "#words")
    @on(FilterBar.Changed)
    def _show(self) -> None:
        asked = self._index.select(self._query, query_of(self.query_one(FilterBar).chosen))
        entries = self.query_one(ZooList)
        entries.show(arranged(asked, entries.order))
        self._show_title()
        self._show_instead(not asked and bool(self._index.entries))

    def _show_instead(self, nothing: bool) -> None:
        """Say that nothing fits, or show the list; setting a display that is so already would paint the screen anew."""
        instead = self.query_one("#empty", Static)
        if instead.display != nothing:
            instead.display = nothing
            self.query_one(ZooList).display = not nothing
            instead.update(Text("No entry fits; Esc shows them all, h asks the hub.", justify="center"))
            self.query_one(CardPane).show(())

    def _show_title(self) -> None:
        shown, total = len(self.query_one(ZooList).rows), len(self._index.entries)
        many = f"{total} entries" if shown == total else f"{shown} of {total} entries"
        order = self.query_one(ZooList).order
        by = f"  by {order.column}{' ▼' if order.descending else ' ▲'}" if order.column else ""
        said = f"{self._doing}  " if self._doing else ""
        self.query_one(TitleBar).show((Piece(said, "mark"), Piece(f"{many}{by}", "muted")))

    def _show_sources(self) -> None:
        narrow = self.size.width < WIDE
        lines = [source_line(self._states)] if narrow else source_lines(self._states)
        self.query_one("#sources", Lines).show(lines)

    def action_sort(self) -> None:
        entries = self.query_one(ZooList)
        column = entries.next_column()
        entries.order = Order(column, descending=column in BEST_FIRST)
        self._show()
        entries.redraw()

    def action_reverse(self) -> None:
        entries = self.query_one(ZooList)
        entries.order = replace(entries.order, descending=not entries.order.descending)
        self._show()
        entries.redraw()

    def action_words(self) -> None:
        self.set_focus(self.query_one("#words"))

    def action_fields(self) -> None:
        self.set_focus(self.query_one(FilterBar))

    @on(Input.Submitted, "#words")
    @on(FilterBar.Left)
    def _to_list(self) -> None:
        # Not `focus`, which lets keys that are typed ahead go to where the focus was.
        self.set_focus(self.query_one(ZooList))

    def action_back(self) -> None:
        """Leave the words, then the filters, then the screen."""
        words, fields = self.query_one("#words", Input), self.query_one(FilterBar)
        if not self.query_one(ZooList).has_focus:
            self._to_list()
        elif words.value or fields.chosen:
            words.value = ""
            fields.choose({})
        else:
            self.dismiss()

    # the card

    @on(CursorList.Highlighted)
    def _highlighted(self) -> None:
        self.refresh_bindings()
        if self._card_timer is not None:
            self._card_timer.stop()
        self._card_timer = self.set_timer(CARD_SECONDS, self._read_card)

    @work(exit_on_error=False, exclusive=True, group="card")
    async def _read_card(self) -> None:
        entry = self.chosen
        if entry is None:
            return
        lines = await asyncio.to_thread(_card_of, entry)
        self.query_one(CardPane).show(lines, keep_place=self._card[0] == entry.stub)
        self._card = (entry.stub, lines)

    @on(CursorList.Opened)
    @work(exit_on_error=False, exclusive=True, group="open")
    async def action_open(self) -> None:
        entry = self.chosen
        if entry is not None:
            self.app.push_screen(ZooCardScreen(entry.stub, await asyncio.to_thread(_card_of, entry)))

    @work(exit_on_error=False, exclusive=True, group="open")
    async def action_view(self) -> None:
        entry = self.chosen
        if entry is not None:
            source = await self.pick_recipe(entry)
            if source is not None:
                self.app.open_recipe(source, model=entry.stub if entry.has_model else "")

    def action_copy(self) -> None:
        if self.chosen is not None:
            self.app.copy_to_clipboard(self.chosen.stub)
            self.notify(f"{plain(self.chosen.stub)} is on the clipboard of your terminal", markup=False)

    def action_sources(self) -> None:
        self.app.push_screen(ZooSourcesScreen(self._states), self._asked)

    def _asked(self, _: object) -> None:
        self._states = as_answered(self._states, self.app.answered)
        self._show_sources()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        entry = self.chosen
        if action in ("open", "model", "trio", "copy", "fetch", "recipe"):
            return True if entry is not None else None
        if action == "view":
            return True if entry is not None and entry.has_recipe else None
        if action == "teacher":
            return True if entry is not None and entry.task != "masked_language_modeling" else None
        if action == "cancel":
            return bool(self.fetches.shown())
        return True


def _card_of(entry: Entry) -> list[CardLine]:
    try:
        view = read_card(entry.stub)
    except UserError as error:
        return failed_lines(entry.stub, error)
    if view.card.entry is None:
        view = CardView(view.name, msgspec.structs.replace(view.card, title=entry.note or entry.title), ())
    return card_lines(view)
