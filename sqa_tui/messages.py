"""Facts that cross a thread or several screens: past tense, frozen content, and a burst collapses to its last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from engine.runs.listing import RunSummary


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
