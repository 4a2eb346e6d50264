"""The thread that follows one run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import sample_run
from textual.message import Message

from engine.runs.paths import RunDirectory
from sqa_tui.messages import WatcherFailed
from sqa_tui.watchers.messages import EventsRead, LogRead, PlanDrawn, RunAssessed
from sqa_tui.watchers.run_watcher import CHUNK, RunWatcher

Kind = TypeVar("Kind", bound=Message)
PATIENCE = 30.0


class Mailbox:
    """What a watcher posted, and waiting for it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._changed = threading.Condition()

    def post(self, message: Message) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def newest(self, kind: type[Kind]) -> Kind | None:
        return next((message for message in reversed(self.messages) if isinstance(message, kind)), None)

    def wait_for(self, kind: type[Kind], holds=lambda _: True) -> Kind:
        end = time.monotonic() + PATIENCE
        with self._changed:
            while (message := self.newest(kind)) is None or not holds(message):
                assert self._changed.wait(end - time.monotonic()), f"{kind.__name__} never came: {message}"
        return message


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return sample_run.make_run(tmp_path)


@pytest.fixture
def watch(run: RunDirectory) -> Iterator[Callable[[], Mailbox]]:
    """Start to watch; the thread has ended when the test has."""
    box = Mailbox()
    watcher = RunWatcher(run.path, box.post)

    def start() -> Mailbox:
        watcher.start()
        return box

    yield start
    assert watcher.stop()


def test_a_run_is_read_and_followed(run: RunDirectory, watch: Callable[[], Mailbox]) -> None:
    sample = sample_run.Sample()
    sample_run.write_events(run, sample_run.events(sample, 3.0))
    run.console_file.write_text("loading\n")
    box = watch()
    first = box.wait_for(EventsRead, lambda message: message.view.step == 119)
    assert first.run == run.path
    assert box.wait_for(LogRead).lines == ("loading",)
    assert box.wait_for(RunAssessed).assessment.state == "killed"
    sample_run.write_events(run, sample_run.events(sample, 4.0, first=120))
    assert box.wait_for(EventsRead, lambda message: message.view.step == 159).view.gaps == 0


def test_what_the_recipe_plans_is_worked_out(run: RunDirectory, watch: Callable[[], Mailbox]) -> None:
    sample_run.write_events(run, sample_run.events(until_epoch=3.0))
    plan = watch().wait_for(PlanDrawn).plan
    assert plan.sparsity is not None
    assert plan.learning_rate is not None
    assert plan.sparsity.last == pytest.approx(0.9)
    assert plan.sparsity.before(2.25) == pytest.approx((2.0, 0.0))
    assert plan.mask_updates[:3] == (2.0, 2.5, 3.0)
    assert plan.learning_rate.at(0.0) == pytest.approx((0.0, 8e-5))
    assert plan.evaluation_every == 2.0


def test_a_log_in_place_of_another_resets_the_view(run: RunDirectory, watch: Callable[[], Mailbox]) -> None:
    sample_run.write_events(run, sample_run.events(until_epoch=5.0))
    box = watch()
    old = box.wait_for(EventsRead, lambda message: message.view.step == 199).view
    replacement = run.path / "replacement"
    with replacement.open("ab") as file:
        file.writelines(map(sample_run.line_of, sample_run.events(until_epoch=1.0)))
    replacement.replace(run.events_file)
    new = box.wait_for(EventsRead, lambda message: message.view.step == 39).view
    assert len(new.curves["loss"]) == 40
    assert new.evaluations == ()
    assert new.curves["loss"].track is not old.curves["loss"].track


def test_damaged_lines_and_missing_events_are_counted(run: RunDirectory, watch: Callable[[], Mailbox]) -> None:
    events = list(sample_run.events(until_epoch=1.0))
    sample_run.write_events(run, events[:10])
    with run.events_file.open("ab") as file:
        file.write(b"{not an event}\n")
    sample_run.write_events(run, events[13:])
    view = watch().wait_for(EventsRead, lambda message: message.view.step == 39).view
    assert (view.bad_lines, view.gaps) == (1, 3)


def test_a_long_log_is_reported_on_the_way_and_read_whole(run: RunDirectory, watch: Callable[[], Mailbox]) -> None:
    sample = sample_run.Sample(steps_per_epoch=1000)
    sample_run.write_events(run, sample_run.events(sample, 15.0))
    box = watch()
    box.wait_for(EventsRead, lambda message: message.view.step == 14_999)
    seen = [message.view for message in box.messages if isinstance(message, EventsRead)]
    assert len(seen[-1].curves["loss"]) == 15_000 > CHUNK
    assert [view.events for view in seen] == sorted(view.events for view in seen)
    assert seen[-1].unread == 0


def test_what_cannot_be_read_is_said_and_tried_again(run: RunDirectory, watch: Callable[[], Mailbox]) -> None:
    run.events_file.mkdir()
    box = watch()
    assert "events" in box.wait_for(WatcherFailed).watcher
    run.events_file.rmdir()
    sample_run.write_events(run, sample_run.events(until_epoch=1.0))
    assert box.wait_for(EventsRead, lambda message: message.view.step == 39)
