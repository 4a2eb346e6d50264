"""Reading a log that grows, is damaged, cut or replaced."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.runs.appender import LineAppender
from engine.runs.encoding import line_of
from engine.runs.events import EventWriter
from engine.runs.reader import EventReader, last_events, last_sequence_number


def line(sequence: int, **fields: object) -> bytes:
    return line_of({"v": 1, "seq": sequence, "t": 1.0, "kind": "alert", **fields})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(line(number) for number in range(3)))
    return path


def sequence(events: list[dict]) -> list[int]:
    return [event["seq"] for event in events]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_missing_log_is_empty_and_comes_later(tmp_path):
    reader = EventReader(tmp_path / "events.jsonl")
    assert reader.read() == []
    reader.path.write_bytes(line(0))
    assert sequence(reader.read()) == [0]


def test_each_event_once(log):
    reader = EventReader(log)
    assert sequence(reader.read()) == [0, 1, 2]
    assert reader.read() == []
    append(log, line(3))
    assert sequence(reader.read()) == [3]
    assert reader.position == log.stat().st_size


def test_a_torn_last_line_is_not_there_yet(log):
    reader = EventReader(log)
    reader.read()
    last = line(3, message="whole")
    append(log, last[:10])
    assert reader.read() == []
    assert (reader.bad_lines, reader.behind) == (0, 10)
    append(log, last[10:])
    assert reader.read()[0]["message"] == "whole"
    assert (reader.bad_lines, reader.behind) == (0, 0)


@pytest.mark.parametrize(
    "bad", [b"garbage", b'{"v":1,"seq":3,', b"[1]", b"3", b'{"v":1}', b'{"v":"1","seq":3,"kind":"alert"}', b"\xff\xfe"]
)
def test_a_bad_line_in_the_middle_is_counted_shown_and_skipped(log, bad):
    position = log.stat().st_size
    append(log, bad + b"\n" + line(4))
    reader = EventReader(log)
    assert sequence(reader.read()) == [0, 1, 2, 4]
    assert (reader.bad_lines, reader.gaps) == (1, 1)
    assert reader.damage[0].position == position
    assert reader.damage[0].text.startswith(bad[:1].decode(errors="replace"))


def test_zero_bytes_at_the_end_are_not_there_yet_and_in_the_middle_damage(log):
    append(log, bytes(100))
    reader = EventReader(log)
    assert sequence(reader.read()) == [0, 1, 2]
    assert reader.bad_lines == 0
    # After a crash of the machine the next line follows the zero bytes directly.
    append(log, line(3) + bytes(50) + b"\n" + line(4))
    assert sequence(reader.read()) == [3, 4]
    assert (reader.bad_lines, reader.gaps) == (2, 0)


def test_missing_numbers_are_counted(log):
    append(log, line(7) + line(8) + line(10))
    reader = EventReader(log)
    reader.read()
    assert reader.gaps == 5


def test_unknown_kinds_and_later_versions_are_skipped_without_a_gap(log):
    append(log, line_of({"v": 1, "seq": 3, "t": 1.0, "kind": "novelty"}) + line_of({"v": 2, "seq": 4, "kind": "alert"}))
    append(log, line(5, new_field=1))
    reader = EventReader(log)
    assert sequence(reader.read()) == [0, 1, 2, 5]
    assert (reader.skipped, reader.bad_lines, reader.gaps) == (2, 0, 0)


def test_a_truncated_log_is_read_from_its_start(log):
    reader = EventReader(log)
    reader.read()
    os.truncate(log, len(line(0)))
    assert sequence(reader.read()) == [0]
    assert reader.restarts == 1


def test_a_replaced_log_is_read_from_its_start_whatever_its_size(log):
    reader = EventReader(log)
    reader.read()
    other = log.with_name("other")
    other.write_bytes(b"".join(line(number, message="new") for number in range(5)))
    os.replace(other, log)
    assert [event["message"] for event in reader.read()] == ["new"] * 5
    assert (reader.restarts, reader.gaps) == (1, 0)


def test_a_log_rewritten_in_place_to_the_same_size_and_more_is_noticed(log):
    """Neither the inode nor the size tells: an inode is used again, and a cut file may grow beyond its old size."""
    reader = EventReader(log)
    reader.read()
    with log.open("r+b") as file:
        file.truncate(0)
        file.write(b"".join(line(number, message="new") for number in range(9)))
    assert sequence(reader.read()) == list(range(9))
    assert reader.restarts == 1


def test_a_limit_takes_the_log_in_parts(log):
    append(log, b"".join(line(number) for number in range(3, 5000)))
    reader = EventReader(log)
    parts = []
    while part := reader.read(700):
        assert len(part) <= 700
        parts += part
    assert sequence(parts) == list(range(5000))
    assert (reader.gaps, reader.behind) == (0, 0)


def test_a_line_longer_than_a_block(log):
    append(log, line(3, message="x" * 3_000_000) + line(4))
    reader = EventReader(log)
    assert sequence(reader.read(2)) == [0, 1]
    assert sequence(reader.read(1000)) == [2, 3, 4]
    assert sequence(last_events(log, 1 << 14)) == [4]


def test_line_separators_of_other_worlds_are_text(log):
    text = "a\u2028b\x0bc\rd"
    append(log, line_of({"v": 1, "seq": 3, "t": 1.0, "kind": "alert", "message": text}))
    assert EventReader(log).read()[-1]["message"] == text
    assert last_events(log)[-1]["message"] == text


def test_the_tail_of_a_log(log):
    assert sequence(last_events(log)) == [0, 1, 2]
    assert sequence(last_events(log, len(line(2)) + 5)) == [2]
    assert last_sequence_number(log) == 2
    assert last_sequence_number(log.with_name("none")) == -1


@pytest.mark.parametrize("cut", range(1, 12))
def test_an_appender_continues_or_heals(tmp_path, monkeypatch, cut):
    """The disk takes `cut` bytes of a batch and then none; the file is left alone or cut by somebody meanwhile."""
    path = tmp_path / "log"
    path.write_bytes(b"torn")
    appender = LineAppender(path)
    real, budget = os.write, [cut]

    def write(descriptor: int, data: bytes) -> int:
        if not budget[0]:
            raise OSError(28, "No space left on device")
        written = real(descriptor, data[: budget[0]])
        budget[0] -= written
        return written

    monkeypatch.setattr(os, "write", write)
    for text in (b"first\n", b"second\n"):
        appender.add(text)
    assert not appender.write()
    assert appender.blocked == "No space left on device"
    budget[0] = 1000
    if cut % 2:
        os.truncate(path, 2)
    assert appender.write()
    lines = path.read_bytes().splitlines()
    assert lines[0] in (b"torn", b"to")
    # A file cut by somebody loses what it had; what was still in memory is whole.
    expected = [b"first", b"second"] if cut % 2 == 0 or cut < 7 else [b"second"]
    assert lines[1:] == expected
    appender.close()


events_strategy = st.lists(
    st.dictionaries(
        st.sampled_from(["message", "name", "text"]),
        st.one_of(st.text(max_size=20), st.floats(), st.integers(-(2**62), 2**62), st.none()),
        max_size=3,
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(events_strategy, events_strategy, st.integers(0, 1000), st.integers(1, 20))
def test_whatever_is_cut_off_the_rest_is_read_and_the_log_goes_on(first, second, permille, limit):
    """Write, cut the file anywhere (a crash), write on: whole lines before the cut and all after are read, in order."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        write_all(path, first)
        whole = path.read_bytes()
        os.truncate(path, len(whole) * permille // 1000)
        left = path.read_bytes()
        complete = left.count(b"\n") + is_event(left.rpartition(b"\n")[2])
        early = EventReader(path)
        got = early.read(limit)
        write_all(path, second)
        reader = EventReader(path)
        events = reader.read()
        assert sequence(events) == list(range(complete + len(second)))
        assert reader.gaps == 0
        assert reader.bad_lines == (
            not left.endswith(b"\n") and left != b"" and not is_event(left.rpartition(b"\n")[2])
        )
        while part := early.read(3):
            got += part
        assert got == events
        assert early.restarts == 0


def write_all(path: Path, events: list[dict]) -> None:
    writer = EventWriter(path, heartbeat_seconds=3600)
    for fields in events:
        writer.emit("alert", **fields)
    assert writer.close()


def is_event(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
