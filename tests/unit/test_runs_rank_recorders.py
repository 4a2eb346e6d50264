"""What a rank leaves as the run's outcome, for the process that started it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from engine.errors import RunFailure, UserError
from engine.runs.launch import create_run
from engine.runs.outcome import read_outcome
from engine.runs.paths import RunDirectory
from engine.runs.rank_recorders import LeadingRecorder, SilentRecorder


@pytest.fixture
def run() -> Iterator[RunDirectory]:
    before = signal.getsignal(signal.SIGTERM)
    yield create_run(slug="ranks", model="m", model_path="m")
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("kind", [LeadingRecorder, SilentRecorder])
@pytest.mark.parametrize(
    ("error", "usage"),
    [(RunFailure("the model was not sent", "try again"), False), (UserError("no such file", "check it"), True)],
)
def test_what_no_restart_would_mend_is_the_outcome(
    run: RunDirectory, kind: type, error: Exception, usage: bool
) -> None:
    kind(run).fail(error)
    outcome = read_outcome(run)
    assert outcome is not None
    assert outcome.error is not None
    assert (outcome.outcome, outcome.error["usage"]) == ("failed", usage)
    assert outcome.error["hint"] in ("try again", "check it")


@pytest.mark.parametrize("kind", [LeadingRecorder, SilentRecorder])
def test_what_a_restart_may_mend_is_not(run: RunDirectory, kind: type) -> None:
    kind(run).fail(RuntimeError("the link is down"))
    assert read_outcome(run) is None
