"""In which state a run is, judged by evidence and said with its reason.

In this order: an exit event that is the last word of the log; the engine's lock; the identity of its process; and what
its last event promised about the next one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec

from engine.errors import plain
from engine.runs.encoding import Event
from engine.runs.identity import ProcessIdentity, read_identity
from engine.runs.lock import probe
from engine.runs.paths import RunDirectory
from engine.runs.reader import last_events
from engine.runs.state import RunState, advance, read_state

STATES = (
    "queued",
    "starting",
    "running",
    "evaluating",
    "exporting",
    "paused",
    "stalled",
    "finished",
    "stopped",
    "failed",
    "killed",
    "unknown",
)
TERMINAL = frozenset(("finished", "stopped", "failed", "killed"))
_TAIL_BYTES = (1 << 12, 1 << 14, 1 << 20)
_STARTING_SECONDS = 20.0
_FRESH_SECONDS = 30.0


class Assessment(msgspec.Struct, frozen=True):
    """A run's state, one of `STATES`, and the evidence for it in words."""

    state: str
    reason: str


@dataclass(frozen=True)
class _Evidence:
    directory: RunDirectory
    now: float
    state: RunState
    identity: ProcessIdentity | None
    lock: str
    process: bool | None  # whether the process of `identity` lives; None: it cannot be seen from here

    @property
    def alive(self) -> bool | None:
        """Whether the engine lives. A lock that looks free proves little: seen from another host it may be held."""
        return True if self.lock == "held" else self.process

    def age(self) -> str:
        moment = self.state.last_event_at
        return "no event yet" if moment is None else f"last event {duration(self.now - moment)} ago"

    def checkpoint(self) -> str:
        if self.state.checkpoint_path is None:
            return "no checkpoint"
        epoch = self.state.checkpoint_epoch
        return "checkpoint" if epoch is None else f"checkpoint at epoch {epoch:.1f}"


def assess(directory: RunDirectory, now: float | None = None) -> Assessment:
    """The state of the run, from a few small reads whatever the length of its log; `now` in Unix seconds."""
    return examine(directory, now)[0]


def examine(directory: RunDirectory, now: float | None = None) -> tuple[Assessment, RunState]:
    """`assess`, together with the run's latest state, brought up to the last event of the log."""
    found = _collect(directory, time.time() if now is None else now)
    return _judge(found), found.state


def _collect(directory: RunDirectory, now: float) -> _Evidence:
    # Life before words: an engine that ends between the two has written its exit event by then.
    identity = read_identity(directory)
    lock = probe(directory.lock_file)
    process = identity.alive() if identity else (None if lock == "unknown" else False)
    state = read_state(directory) or RunState()
    tail = _tail(directory, state)
    if tail and tail[-1]["seq"] < state.seq and not state.disk_full:
        state = RunState()  # the log was replaced by a shorter one
    for event in tail:
        advance(state, event)
    return _Evidence(directory, now, state, identity, lock, process)


def _tail(directory: RunDirectory, state: RunState) -> list[Event]:
    """The events since `state`, and at least the last one, where they are not too far back."""
    tail: list[Event] = []
    for size in _TAIL_BYTES:
        tail = last_events(directory.events_file, size)
        if tail and tail[0]["seq"] <= state.seq + 1:
            break
    return tail


def _judge(found: _Evidence) -> Assessment:
    if _is_loading(found):
        pid = found.identity.pid if found.identity else "?"
        return Assessment("starting", f"process {pid} is loading, no event of it yet")
    if found.state.outcome is not None:
        return _from_exit(found)
    if found.state.last_event_at is None and found.lock != "held":
        return _before_first_event(found)
    if found.alive is None:
        return _elsewhere(found)
    if not found.alive:
        return Assessment("killed", f"lock {found.lock}, no exit event; {found.age()}, {found.checkpoint()}")
    return _living(found)


def _is_loading(found: _Evidence) -> bool:
    """Whether an engine lives that was started after the last event: what the log says is about an earlier one."""
    if not found.process:
        return False
    try:
        started = found.directory.process_file.stat().st_mtime
    except OSError:
        return False
    return found.state.last_event_at is None or started > found.state.last_event_at


def _from_exit(found: _Evidence) -> Assessment:
    outcome = found.state.outcome
    reason = plain(found.state.reason or "")
    if outcome not in ("finished", "failed", "stopped"):
        return Assessment("unknown", f"exit event with the outcome '{plain(str(outcome))}'")
    # A time of day and not an age: what is over must not repaint a screen for ever.
    moment = time.localtime(found.state.last_event_at or 0)
    when = time.strftime("%Y-%m-%d %H:%M:%S", moment)
    return Assessment(outcome, f"{reason} ({when})" if reason else f"exit event at {when}")


def _before_first_event(found: _Evidence) -> Assessment:
    if found.identity is None:
        return _never_started(found)
    if found.process is None:
        return Assessment("unknown", f"process {found.identity.pid} on {plain(found.identity.host)}, no event yet")
    line = last_console_line(found.directory)
    said = f"; console: {line}" if line else ""
    return Assessment("failed", f"the engine ended before its first event{said}")


def _never_started(found: _Evidence) -> Assessment:
    try:
        age = found.now - found.directory.spec_file.stat().st_mtime
    except OSError:
        return Assessment("unknown", "no spec.json and no engine")
    if found.directory.console_file.exists() and age < _STARTING_SECONDS:
        return Assessment("starting", "the engine is being started")
    return Assessment("queued", f"created {duration(age)} ago, no engine started yet")


def _elsewhere(found: _Evidence) -> Assessment:
    host = plain(found.identity.host) if found.identity else "another host"
    last = found.state.last_event_at
    if last is not None and abs(found.now - last) < _FRESH_SECONDS:
        return _living(found, note=f" on {host}")
    return Assessment("unknown", f"the engine ran on {host}, its lock cannot be seen here; {found.age()}")


def _living(found: _Evidence, note: str = "") -> Assessment:
    state = found.state
    text = plain(state.text or "")
    if "queue" in state.phases:
        return Assessment("queued", (text or "waits for its device") + note)
    if "pause" in state.phases:
        return Assessment("paused", f"{text or 'paused by request'}; {found.age()}{note}")
    due = state.expect_next_at
    if due is not None and found.now > due and not state.disk_full:
        silence = duration(found.now - (state.progress_at or due))
        late = duration(found.now - due)
        return Assessment("stalled", f"alive, but no progress for {silence}, {late} overdue; {found.age()}{note}")
    return Assessment(_activity(state), f"{_evidence_of_life(found)}; {found.age()}{note}")


def _activity(state: RunState) -> str:
    if "export" in state.phases:
        return "exporting"
    if "evaluate" in state.phases:
        return "evaluating"
    return "running" if state.under_way or "upload" in state.phases else "starting"


def _evidence_of_life(found: _Evidence) -> str:
    pid = found.identity.pid if found.identity else "?"
    full = ", disk full: events wait in memory" if found.state.disk_full else ""
    if found.lock == "held":
        return f"lock held by process {pid}{full}"
    seen = "seen" if found.alive else "not seen from here"
    return f"lock {found.lock}, process {pid} {seen}{full}"


def last_console_line(directory: RunDirectory, size: int = 4096) -> str:
    """The last line with something on it in ``console.log``, safe for a terminal; empty where there is none."""
    try:
        with directory.console_file.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - size))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return plain(lines[-1], 300) if lines else ""


def duration(seconds: float) -> str:
    """A length of time for a person: "3 s", "12 min", "2 h 5 min", "3 d 4 h"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"
