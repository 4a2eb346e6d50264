"""The small "latest" of a run, for lists: derived from its events, so that it can always be made again."""

from __future__ import annotations

import contextlib
import errno
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.runs.encoding import Event, number_of, plain_value
from engine.runs.files import json_of, overwrite, write_atomically
from engine.runs.paths import RunDirectory

LOSS_POINTS = 64
_WORDS = ("nan", "inf", "-inf")
_SECONDS_BETWEEN_WRITES = 1.0
_INTERRUPTIONS = frozenset(("queue", "pause", "sample", "evaluate", "checkpoint", "export", "upload"))


class RunState(msgspec.Struct, kw_only=True):
    """Where a run stands after the event `seq`. Times are Unix seconds; sparsities are in 0…1; scores in 0…100.

    `phases` are those entered and not left, `phase` the newest of them. `loss_tail` holds at most `LOSS_POINTS` means
    that cover the whole run evenly (each over `loss_stride` metric events), for a sparkline. `under_way` is True once
    this engine started to train; `progress_at` is when its training loop last reported.
    """

    seq: int = -1
    phase: str | None = None
    phases: list[str] = []
    text: str | None = None
    step: int | None = None
    total_steps: int | None = None
    epoch: float | None = None
    total_epochs: float | None = None
    loss: float | None = None
    sparsity: float | None = None
    sparsity_target: float | None = None
    samples_per_second: float | None = None
    f1: float | None = None
    exact_match: float | None = None
    teacher_f1: float | None = None
    recovery: float | None = None
    eta_seconds: float | None = None
    seconds_per_step: float | None = None
    device: str | None = None
    started: float | None = None
    checkpoint_epoch: float | None = None
    checkpoint_path: str | None = None
    export_path: str | None = None
    alert: str | None = None
    outcome: str | None = None
    reason: str | None = None
    under_way: bool = False
    last_event_at: float | None = None
    progress_at: float | None = None
    expect_next_at: float | None = None
    updated: float = 0.0
    disk_full: bool = False
    loss_tail: list[float] = []
    loss_stride: int = 1
    loss_waiting: list[float] = []
    measured_step: int | None = None
    measured_at: float | None = None


def advance(state: RunState, event: Event) -> None:
    """Bring `state` up to `event`; one that it has already is ignored, and so is a field that makes no sense."""
    if event["seq"] <= state.seq:
        return
    kind = event["kind"]
    if state.outcome is not None and kind != "exit":
        begin_again(state)
    state.seq = event["seq"]
    _common(state, event)
    change = _CHANGES.get(kind)
    if change:
        change(state, event)


def begin_again(state: RunState) -> None:
    """Make the state that of a run whose next engine just started: what was reached stays, what went on does not."""
    state.outcome = state.reason = state.phase = state.text = state.measured_at = state.eta_seconds = None
    state.phases = []
    state.under_way = state.disk_full = False


def _common(state: RunState, event: Event) -> None:
    moment = number_of(event.get("t"))
    promise = number_of(event.get("expect_next_in"))
    if moment is not None:
        state.last_event_at = moment
        state.expect_next_at = None if promise is None else moment + promise
        state.progress_at = moment - (number_of(event.get("idle")) or 0.0)
    step, epoch = number_of(event.get("step")), number_of(event.get("epoch"))
    state.step = state.step if step is None else int(step)
    state.epoch = state.epoch if epoch is None else epoch


def _numbers(state: RunState, event: Event, *names: str) -> None:
    for name in names:
        value = number_of(event.get(name))
        if value is not None:
            setattr(state, name, value)


def _text(event: Event, name: str) -> str | None:
    value = event.get(name)
    return value if isinstance(value, str) else None


def _start(state: RunState, event: Event) -> None:
    total = number_of(event.get("total_steps"))
    state.total_steps = None if total is None else int(total)
    _numbers(state, event, "total_epochs")
    state.started = state.started or state.last_event_at
    state.device = _text(event, "device")
    state.measured_at = None
    state.under_way = True
    state.phases = [phase for phase in state.phases if phase not in _INTERRUPTIONS]  # of an engine that was killed


def _phase(state: RunState, event: Event) -> None:
    name = _text(event, "phase") or "?"
    state.phases = [phase for phase in state.phases if phase != name]
    if event.get("action") != "leave":
        state.phases.append(name)
        state.text = _text(event, "text")
    state.phase = state.phases[-1] if state.phases else None
    if name in _INTERRUPTIONS:
        state.measured_at = None


def _metric(state: RunState, event: Event) -> None:
    _numbers(state, event, "loss", "sparsity", "sparsity_target", "samples_per_second")
    state.under_way = True
    _estimate(state)
    loss = number_of(event.get("loss"))
    if loss is not None:
        _append_loss(state, loss)


def _estimate(state: RunState) -> None:
    """Time to the last step, by a moving average of the time a step takes without what interrupts training."""
    now, step = state.last_event_at, state.step
    if now is None or step is None:
        return
    if state.measured_at is not None and state.measured_step is not None and step > state.measured_step:
        latest = max(0.0, now - state.measured_at) / (step - state.measured_step)
        known = state.seconds_per_step
        state.seconds_per_step = latest if known is None else 0.95 * known + 0.05 * latest
    state.measured_at, state.measured_step = now, step
    if state.seconds_per_step is not None and state.total_steps is not None:
        state.eta_seconds = max(0, state.total_steps - step) * state.seconds_per_step


def _append_loss(state: RunState, loss: float) -> None:
    state.loss_waiting.append(loss)
    if len(state.loss_waiting) < state.loss_stride:
        return
    state.loss_tail.append(_mean(state.loss_waiting))
    state.loss_waiting = []
    if len(state.loss_tail) > LOSS_POINTS:
        last = state.loss_tail.pop()
        pairs = zip(state.loss_tail[::2], state.loss_tail[1::2], strict=True)
        state.loss_tail = [_mean(pair) for pair in pairs]
        state.loss_waiting = [last] * state.loss_stride
        state.loss_stride *= 2


def _mean(values: Sequence[float]) -> float:
    """Mean of the finite values; NaN where none is, so that one bad step does not blot out the steps around it."""
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def _evaluation(state: RunState, event: Event) -> None:
    _numbers(state, event, "f1", "exact_match", "teacher_f1", "recovery")


def _checkpoint(state: RunState, event: Event) -> None:
    state.checkpoint_epoch, state.checkpoint_path = state.epoch, _text(event, "path")


def _export(state: RunState, event: Event) -> None:
    state.export_path = _text(event, "path")


def _alert(state: RunState, event: Event) -> None:
    if event.get("level") != "info":
        state.alert = _text(event, "message")


def _exit(state: RunState, event: Event) -> None:
    state.outcome, state.reason = _text(event, "outcome") or "unknown", _text(event, "reason")
    state.phase, state.phases, state.eta_seconds = None, [], None


_CHANGES = {
    "start": _start,
    "phase": _phase,
    "metric": _metric,
    "eval": _evaluation,
    "checkpoint": _checkpoint,
    "export": _export,
    "alert": _alert,
    "exit": _exit,
}


class StateWriter:
    """Keeps ``state.json`` at `path`: changed in memory at will, written at most once a second.

    What cannot be written (a full disk) is tried again with the next `tick`; it never raises.
    """

    def __init__(self, path: Path, state: RunState | None = None) -> None:
        self.state = state or RunState()
        self._path = path
        self._dirty = False
        self._written_at = -_SECONDS_BETWEEN_WRITES

    def apply(self, event: Event) -> None:
        """Take one event into the state."""
        advance(self.state, event)
        self._dirty = True

    def update(self, **fields: Any) -> None:
        """Set fields of the state and write it if a second has passed since the last time."""
        for name, value in fields.items():
            setattr(self.state, name, value)
        self._dirty = True
        self.tick()

    def tick(self) -> None:
        """Write what changed, if it is time."""
        if self._dirty and time.monotonic() - self._written_at >= _SECONDS_BETWEEN_WRITES:
            self.flush()

    def flush(self) -> None:
        """Write now."""
        self._written_at = time.monotonic()
        self.state.updated = time.time()
        data = json_of(plain_value(msgspec.to_builtins(self.state)))
        with contextlib.suppress(OSError):
            try:
                write_atomically(self._path, data)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                overwrite(self._path, data)
            self._dirty = False


def read_state(directory: RunDirectory) -> RunState | None:
    """The state in ``state.json``; None where there is none or it cannot be read."""
    try:
        raw: Any = msgspec.json.decode(directory.state_file.read_bytes(), type=dict[str, Any])
        return msgspec.convert({name: _with_numbers(value) for name, value in raw.items()}, RunState)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _with_numbers(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return float(value) if value in _WORDS else value
