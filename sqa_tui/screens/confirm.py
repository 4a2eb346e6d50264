"""A question that is answered by yes or no."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from sqa_tui.actions import bindings_of


class ConfirmScreen(ModalScreen[bool]):
    """Returns True for yes, False for no."""

    CSS_PATH = "confirm.tcss"
    BINDINGS = bindings_of("confirm")

    def __init__(self, question: str, consequence: str = "") -> None:
        super().__init__()
        self._question = question
        self._consequence = consequence

    def compose(self) -> ComposeResult:
        with Vertical(id="question"):
            yield Static(self._question, id="what", markup=False)
            yield Static(self._consequence, id="consequence", markup=False)
            yield Static("y yes    n no", id="keys", markup=False)

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)
