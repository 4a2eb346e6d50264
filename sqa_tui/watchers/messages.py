"""Facts about one run, posted by its watcher: past tense, frozen content, and a burst collapses to its last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from engine.runs.evidence import Assessment
from engine.runs.state import RunState
from sqa_tui.run_view import Plan, RunView


@dataclass
class EventsRead(Message):
    """More events of a run were read, or the first ones again after its log was replaced."""

    run: Path
    view: RunView
    """Everything known so far, not only what is new."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, EventsRead) and message.run == self.run


@dataclass
class RunAssessed(Message):
    """The state of a run was judged from its evidence."""

    run: Path
    assessment: Assessment
    state: RunState

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, RunAssessed) and message.run == self.run


@dataclass
class LogRead(Message):
    """The end of a run's console log changed."""

    run: Path
    lines: tuple[str, ...]

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, LogRead) and message.run == self.run


@dataclass
class PlanDrawn(Message):
    """What the recipe of a run will do when was worked out."""

    run: Path
    plan: Plan
