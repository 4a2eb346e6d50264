"""Facts that cross a thread or several screens: past tense, frozen content, and a burst collapses to its last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from sqa_tui.answers import Answered, Greeting

if TYPE_CHECKING:
    from engine.runs.listing import RunSummary
    from engine.zoo import Fetch, State
    from engine.zoo.filters import Index


@dataclass
class RunsListed(Message):
    """Every run on disk was looked at again."""

    runs: tuple[RunSummary, ...]
    """Newest first."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, RunsListed)


@dataclass
class WatcherFailed(Message):
    """A watcher could not read what it watches; it goes on trying."""

    watcher: str
    """What was being watched, in words."""
    reason: str
    """One line."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, WatcherFailed) and message.watcher == self.watcher


@dataclass
class ModelReady(Message):
    """The child process of an answer client has loaded its model."""

    client: str
    """The client's name."""
    greeting: Greeting


@dataclass
class QuestionAnswered(Message):
    """A model answered."""

    client: str
    request: int
    """What `AnswerClient.ask` returned."""
    answered: Answered


@dataclass
class QuestionFailed(Message):
    """A model could not be loaded, or could not answer; the next question tries again with a new process."""

    client: str
    request: int | None
    """None where the model could not be loaded."""
    reason: str
    """One line."""


@dataclass
class EntriesListed(Message):
    """The sources of the zoo were looked at."""

    index: Index
    """Every entry, ready to be filtered."""
    states: tuple[tuple[str, str, State], ...]
    """Name, title and state of every source."""
    whole: bool
    """Whether these are all entries; False for those that are known at once."""


@dataclass
class FetchMoved(Message, bubble=False):
    """A download came further, or ended."""

    fetch: Fetch

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, FetchMoved) and message.fetch is self.fetch
