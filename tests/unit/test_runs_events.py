"""Writing events: the sequence, merging of metrics, promises and heartbeats, what JSON cannot hold."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.runs.encoding import number_of, plain_value
from engine.runs.events import DEFAULT_PROMISE, EventWriter
from engine.runs.merging import MetricMerger
from engine.runs.reader import EventReader


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def quiet(log: Path, **options: object) -> EventWriter:
    """A writer whose heartbeats do not come between the events of a test, however slow the machine is."""
    return EventWriter(log, heartbeat_seconds=3600, **options)


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def written(log: Path) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_events_are_numbered_timed_and_in_order(log):
    before = time.time()
    writer = quiet(log)
    for number in range(500):
        writer.emit("layer", step=number, epoch=number / 10, name=f"layer {number}")
    assert writer.close()
    events = written(log)
    assert [event["seq"] for event in events] == list(range(500))
    assert [event["step"] for event in events] == list(range(500))
    assert all(before <= event["t"] <= time.time() and event["v"] == 1 for event in events)
    assert all(event["expect_next_in"] == DEFAULT_PROMISE for event in events)
    assert log.stat().st_mode & 0o777 == 0o600


def test_unknown_kinds_are_a_defect_of_the_caller_and_own_names_win(log):
    writer = quiet(log)
    with pytest.raises(ValueError, match="unknown kind"):
        writer.emit("meteric")
    writer.emit("alert", seq=99, v=7, message="m")
    writer.close()
    assert (written(log)[0]["seq"], written(log)[0]["v"]) == (0, 1)


def test_a_log_is_continued_after_a_torn_line(log):
    writer = quiet(log)
    writer.emit("alert", message="one")
    writer.close()
    with log.open("a") as file:
        file.write('{"v":1,"seq":1,"t":1.0,"ki')
    writer = quiet(log)
    writer.emit("alert", message="two")
    writer.close()
    reader = EventReader(log)
    assert [(event["seq"], event["message"]) for event in reader.read()] == [(0, "one"), (1, "two")]
    assert (reader.bad_lines, reader.gaps) == (1, 0)


def test_an_event_that_lacks_only_its_newline_counts(log):
    log.write_text('{"v":1,"seq":0,"t":1.0,"kind":"alert"}\n{"v":1,"seq":1,"t":1.0,"kind":"alert"}')
    writer = quiet(log)
    writer.emit("alert")
    writer.close()
    reader = EventReader(log)
    assert [event["seq"] for event in reader.read()] == [0, 1, 2]
    assert reader.bad_lines == 0


def test_the_sequence_is_found_behind_a_long_damaged_tail(log):
    log.write_bytes(b'{"v":1,"seq":41,"t":1.0,"kind":"alert"}\n' + bytes(200_000) + b"\n")
    writer = quiet(log)
    writer.emit("alert")
    writer.close()
    assert EventReader(log).read()[-1]["seq"] == 42


@pytest.mark.parametrize("kind", ["phase", "eval", "checkpoint", "export", "exit"])
def test_metrics_come_before_what_ends_them(log, kind):
    writer = quiet(log, metrics_per_second=0.001)
    for step in range(5):
        writer.emit("metric", step=step, loss=float(step))
    writer.emit(kind)
    writer.close()
    kinds = [event["kind"] for event in written(log)]
    assert kinds[-1] == kind
    assert set(kinds[:-1]) == {"metric"}
    assert [event for event in written(log) if event["kind"] == "metric"][-1]["step"] == 4


def test_nothing_comes_after_an_exit(log):
    writer = EventWriter(log, heartbeat_seconds=0.01)
    writer.emit("exit", outcome="finished", reason="")
    writer.emit("alert", message="late")
    writer.close()
    kinds = [event["kind"] for event in written(log)]
    assert kinds[-1] == "exit"
    assert set(kinds[:-1]) <= {"heartbeat"}


def test_a_merged_metric_has_mean_and_range():
    merger = MetricMerger(0.1)
    for step, loss in enumerate([3.0, 1.0, 2.0]):
        merger.add({"t": float(step), "step": step}, {"loss": loss, "sparsity": 0.5, "note": f"n{step}"})
    assert merger.due() == -math.inf  # the first of all goes at once
    common, metrics = merger.take(now=10.0)
    assert common == {"t": 2.0, "step": 2}
    assert metrics == {"loss": 2.0, "loss_min": 1.0, "loss_max": 3.0, "sparsity": 0.5, "note": "n2"}
    assert merger.take(now=10.0) is None
    assert merger.due() == math.inf
    merger.add({"t": 3.0}, {"loss": 1.0})
    assert merger.due() == pytest.approx(10.1)


def test_a_single_nan_among_merged_steps_is_shown():
    merger = MetricMerger(0.1)
    for loss in (1.0, "nan", 3.0):
        merger.add({}, {"loss": loss})
    _, metrics = merger.take(now=0.0)
    assert math.isnan(metrics["loss"])
    assert (metrics["loss_min"], metrics["loss_max"]) == (1.0, 3.0)


def test_many_metrics_become_few_lines_and_keep_their_extremes(log):
    writer = quiet(log, metrics_per_second=10)
    started = time.monotonic()
    losses = [math.sin(step) for step in range(3000)]
    for step, loss in enumerate(losses):
        writer.emit("metric", step=step, loss=loss)
    writer.close()
    events = written(log)
    assert len(events) <= 10 * (time.monotonic() - started) + 2
    assert max(event.get("loss_max", event["loss"]) for event in events) == max(losses)
    assert min(event.get("loss_min", event["loss"]) for event in events) == min(losses)
    assert events[-1]["step"] == 2999


class Scalar:
    """What an array library's scalar looks like."""

    def __init__(self, value: object) -> None:
        self.value = value

    def item(self) -> object:
        return self.value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (Scalar(0.5), 0.5),
        (Scalar(math.nan), "nan"),
        (Path("/a"), "/a"),
        ((1, {2: math.inf}), [1, {"2": "inf"}]),
        (1 << 80, str(1 << 80)),
        ("caf\u00e9 \udcff", "caf\u00e9 ?"),
        (None, None),
        (True, True),
    ],
)
def test_values_json_lacks(value, expected, log):
    assert plain_value(value) == expected
    writer = quiet(log)
    writer.emit("alert", value=value)
    assert writer.close()
    assert EventReader(log).read()[0]["value"] == expected


def test_words_are_numbers_again():
    assert math.isnan(number_of("nan"))
    assert [number_of(value) for value in ("inf", "-inf", 2, 0.5)] == [math.inf, -math.inf, 2.0, 0.5]
    assert [number_of(value) for value in ("1", None, True, [1])] == [None] * 4


def test_a_heartbeat_says_what_is_left_of_the_promise(log):
    writer = EventWriter(log, heartbeat_seconds=0.05)
    writer.emit("metric", step=7, epoch=0.7, loss=1.0, expect_next_in=0.01)
    reader, beats = EventReader(log), []
    wait_for(lambda: beats.extend(e for e in reader.read() if e["kind"] == "heartbeat" and "step" in e) or beats)
    writer.close()
    assert (beats[0]["step"], beats[0]["epoch"]) == (7, 0.7)
    assert beats[0]["idle"] > 0
    assert beats[0]["expect_next_in"] == pytest.approx(0.01 - beats[0]["idle"], abs=0.002)
    assert beats[0]["expect_next_in"] < 0


def test_a_promise_is_told_at_once_and_holds_until_the_next(log):
    writer = quiet(log)
    writer.promise(600)
    writer.emit("phase", phase="evaluate", action="enter", text="")
    writer.promise()
    writer.emit("phase", phase="evaluate", action="leave", text="")
    writer.emit("alert", expect_next_in=5)
    writer.close()
    found = [(event["kind"], event["expect_next_in"]) for event in written(log)]
    assert found == [
        ("heartbeat", 600),
        ("phase", 600),
        ("heartbeat", DEFAULT_PROMISE),
        ("phase", DEFAULT_PROMISE),
        ("alert", 5),
    ]


def test_events_from_many_threads_are_whole(log):
    writer = quiet(log)

    def work(name: int) -> None:
        for number in range(200):
            writer.emit("layer", name=f"{name}-{number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    events = written(log)
    assert [event["seq"] for event in events] == list(range(800))
    assert {event["name"] for event in events} == {f"{name}-{number}" for name in range(4) for number in range(200)}


def test_a_long_queue_keeps_its_order(log):
    """The writer is held up until far more waits than it takes at once."""
    go_on = threading.Event()
    writer = quiet(log, on_event=lambda event: go_on.wait(10) and None)
    for number in range(7000):
        writer.emit("layer", step=number)
    go_on.set()
    assert writer.close()
    assert [(event["seq"], event["step"]) for event in written(log)] == [(number, number) for number in range(7000)]


def test_a_listener_that_fails_does_not_end_the_log(log, capfd):
    def listener(event: dict) -> None:
        raise RuntimeError("oops")

    writer = quiet(log, on_event=listener)
    writer.emit("alert")
    writer.emit("alert")
    assert writer.close()
    assert len(written(log)) == 2
    assert "RuntimeError in a listener of the events: oops" in capfd.readouterr().err


def test_a_forked_child_says_nothing(log):
    writer = quiet(log)
    child = os.fork()
    if not child:
        writer.emit("alert", message="child")
        os._exit(0 if writer.flush(1) and writer.close(1) else 1)
    assert os.waitpid(child, 0)[1] == 0
    writer.emit("alert", message="parent")
    writer.close()
    assert [event["message"] for event in written(log)] == ["parent"]


def test_giving_up_on_a_log_that_cannot_be_written_is_said(tmp_path, capfd):
    writer = quiet(tmp_path / "missing" / "events.jsonl")
    writer.emit("alert")
    assert not writer.flush(0.05)
    wait_for(lambda: writer.blocked == "No such file or directory")
    assert not writer.close(0.05)
    assert "given up: 1 events" in capfd.readouterr().err
