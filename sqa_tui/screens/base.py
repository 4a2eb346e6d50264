"""What all screens share."""

from __future__ import annotations

from typing import TypeVar, cast

from textual import getters, on
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from sqa_tui.app import SqaApp

Result = TypeVar("Result")


class BaseScreen(Screen[Result]):
    """A screen of this app; what its workers raise is told in one line and ends nothing."""

    app = getters.app(SqaApp)
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """Textual paints the whole screen again when the focus moves; what looks different repaints itself."""

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        worker = cast("Worker[object]", event.worker)  # pyright: ignore[reportUnknownMemberType]
        if event.state is WorkerState.ERROR and worker.error is not None:
            self.app.report(worker.error)
