"""The end of a console log."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqa_tui.watchers import log_tail
from sqa_tui.watchers.log_tail import LogTail, clean


def lines_of(path: Path) -> tuple[LogTail, tuple[str, ...]]:
    tail = LogTail(path)
    tail.poll()
    return tail, tail.lines()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m and \x1b]0;title\x07done", "red and done"),
        ("10%|#   |\r50%|##  |\r100%|####|", "100%|####|"),
        ("50%|##  |\r", "50%|##  |"),
        ("a\tb", "a   b"),
        ("    raise ValueError  ", "    raise ValueError"),
        ("bell\x07\x00", "bell\ufffd\ufffd"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b", ""),
    ],
)
def test_lines_are_safe_for_a_terminal(raw: str, shown: str) -> None:
    assert clean(raw) == shown


def test_what_is_added_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text("one\ntwo\n")
    tail, lines = lines_of(path)
    assert lines == ("one", "two")
    assert not tail.poll()
    with path.open("a") as file:
        file.write("three\nfo")
    assert tail.poll()
    assert tail.lines() == ("one", "two", "three", "fo")
    with path.open("a") as file:
        file.write("ur\n")
    tail.poll()
    assert tail.lines() == ("one", "two", "three", "four")


def test_a_missing_log_has_no_lines_and_may_come_later(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    tail, lines = lines_of(path)
    assert lines == ()
    path.write_text("here\n")
    assert tail.poll()
    assert tail.lines() == ("here",)


@pytest.mark.parametrize("replace", [True, False])
def test_a_new_log_in_its_place_is_read_from_its_start(tmp_path: Path, replace: bool) -> None:
    path = tmp_path / "console.log"
    path.write_text("old and long\n" * 10)
    tail, _ = lines_of(path)
    if replace:
        path.rename(tmp_path / "before")
    path.write_text("new\n")
    tail.poll()
    assert tail.lines() == ("new",)


def test_of_a_huge_log_only_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_tail, "START_BYTES", 1000)
    path = tmp_path / "console.log"
    path.write_text("".join(f"line {number}\n" for number in range(100_000)))
    tail, lines = lines_of(path)
    assert lines[-1] == "line 99999"
    assert lines[0].startswith("line 99")
    assert len(lines) < 100
    assert tail.poll() is False


def test_text_that_is_no_utf8_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(b"caf\xe9 \xff\n")
    assert lines_of(path)[1] == ("caf\ufffd \ufffd",)
