"""The Zoo in a real terminal: what a key costs, that it is silent without one, and where a copied stub goes."""

from __future__ import annotations

import base64
import sys

import pytest
from terminal import Terminal

WINDOW = 1.0
"""Seconds over which an idle screen is listened to."""
OPEN_BYTES = {80: 30_000, 160: 100_000}
KEY_BYTES = 6_000
"""Most bytes of opening the screen by its columns, and of a move of the cursor with the card of another entry."""
DOWN = "\x1b[B"


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
def test_the_zoo_is_silent_between_keys_and_copies_by_escape_code(size: tuple[int, int]) -> None:
    with Terminal([sys.executable, "-m", "sqa_tui"], columns=size[0], rows=size[1]) as terminal:
        terminal.read_until("No runs yet")
        terminal.settle()
        before = len(terminal.output)
        terminal.press("z")
        terminal.read_until("bert-demo on facts, dense")
        terminal.settle()
        assert len(terminal.output) - before <= OPEN_BYTES[size[0]]
        assert terminal.read(WINDOW) == 0
        before = len(terminal.output)
        terminal.press(DOWN)
        terminal.read_until("bert-demo on facts, 80 % pruned")
        terminal.settle()
        assert len(terminal.output) - before <= KEY_BYTES
        terminal.press("/")
        terminal.settle()
        terminal.press("obert 90 int8")
        terminal.read_until("of 124 entries")
        terminal.press("\r")
        terminal.settle()
        in_parts = terminal.text
        terminal.press("\x1bOP")  # F1
        terminal.read_until("Use the entry as the model")
        terminal.press("\x1b")
        terminal.read_until("of 124 entries")
        terminal.settle()
        assert terminal.text == in_parts
        terminal.press("\x1b[H")  # Home
        terminal.press("y")
        terminal.read_until("is on the clipboard")
        stub = "zoo:nlp/question_answering/obert-base/pytorch/huggingface/squad/pruned90_quant-none"
        assert b"\x1b]52;c;" + base64.b64encode(stub.encode()) in bytes(terminal.output)
        terminal.press("q")
        assert terminal.wait() == 0
