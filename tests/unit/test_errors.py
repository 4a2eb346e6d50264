"""Foreign text on a terminal."""

from __future__ import annotations

import pytest

from engine.errors import plain


@pytest.mark.parametrize(
    "text", ["می\u200cخواهم", "👩\u200d👩\u200d👧", "❤\ufe0f", "Donau\u00addampf", "naïve 東京 e\u0301"]
)
def test_what_words_and_emoji_are_written_with_stays(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    "character", ["\x1b", "\x07", "\x00", "\x7f", "\x9b", "\u202e", "\u2066", "\u200f", "\u200b", "\ud800"]
)
def test_what_steers_a_terminal_or_the_direction_of_text_goes(character: str) -> None:
    assert plain(f"a{character}b") == "a\ufffdb"


def test_one_line_of_bounded_length() -> None:
    assert plain("a\n b\t\tc\u2028d") == "a b c d"
    assert plain("x" * 50, 10) == "x" * 9 + "…"
