"""The Recipe screen in a real terminal: what a key costs, and that it is silent without one."""

from __future__ import annotations

import sys
from pathlib import Path

from terminal import Terminal

RECIPES = Path(__file__).parents[1] / "data" / "recipes"
RECIPE = RECIPES / "bert-12-layers-prune-90-quantize.md"
WINDOW = 1.5
"""Seconds over which an idle screen is listened to."""
KEY_BYTES = 4_000
"""Most bytes of a key that changes the text."""
UP, DOWN = "\x1b[A", "\x1b[B"


def test_an_edited_recipe_is_silent_between_keys_and_quitting_asks() -> None:
    with Terminal([sys.executable, "-m", "sqa_tui"], columns=120, rows=32) as terminal:
        terminal.read_until("No runs yet")
        terminal.press("\x1b[19~")  # F8
        terminal.read_until("new recipe")
        terminal.press(f"{RECIPE}")
        terminal.read_until("quantize.md")
        terminal.press("\r")
        terminal.read_until("6 modifiers over 40 epochs")
        terminal.settle()
        assert terminal.read(WINDOW) == 0
        before = len(terminal.output)
        terminal.press("#")
        terminal.read_until("#<!--")
        terminal.settle()
        assert len(terminal.output) - before <= KEY_BYTES
        assert terminal.read(WINDOW) == 0
        for keys in (DOWN * 9 + "\r", "\x7fend: [", UP * 4 + "\x1b[1;2B\x7f", "\x1a\x1b[6~", "x\x1b[5~"):
            terminal.press(keys)
            terminal.settle(0.3)
        in_parts = terminal.text
        terminal.press("\x1bOP")  # F1
        terminal.read_until("Go to the next problem in the text")
        terminal.press("\x1b")
        terminal.read_until("F3 Problem")
        terminal.settle()
        assert terminal.text == in_parts
        terminal.press("\x11")  # Ctrl+Q
        terminal.read_until("Quit without keeping")
        terminal.press("y")
        assert terminal.wait() == 0
