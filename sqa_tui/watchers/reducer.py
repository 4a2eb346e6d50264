"""Events in, a frozen `RunView` out. Pure: no clock, no file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqa_tui.run_view import Alert, Answer, Checkpoint, Ending, Entry, Evaluation, Exported, Layer, Phase, RunView
from sqa_tui.tracks import Track
from sqa_tui.watchers.fields import Event, finite, mapping, number, sequence, text, whole
from sqa_tui.watchers.journal import entry_of

METRICS = (
    "loss",
    "task_loss",
    "distillation_loss",
    "learning_rate",
    "gradient_norm",
    "samples_per_second",
    "sparsity",
    "sparsity_target",
)
"""The metrics that become curves."""
_METRIC_FIELDS = tuple((name, f"{name}_min", f"{name}_max") for name in METRICS)
ALERTS_KEPT = 100
ANSWERS_KEPT = 20
EVALUATIONS_KEPT = 1000
ENTRIES_KEPT = 500


@dataclass
class _LayerTrack:
    """One parameter over the epochs."""

    name: str
    shape: tuple[int, ...] = ()
    sparsity: float | None = None
    target: float | None = None
    quantised: bool = False
    track: Track = field(default_factory=Track)

    def frozen(self) -> Layer:
        return Layer(self.name, self.shape, self.sparsity, self.target, self.quantised, self.track.points())


class RunReducer:
    """Takes the events of one run in order and keeps what a screen shows of them."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {"step": 0, "epoch": 0.0, "events": 0}
        self._tracks: dict[str, Track] = {}
        self._layers: dict[str, _LayerTrack] = {}
        self._frozen_layers: tuple[Layer, ...] | None = ()
        self._phases: dict[str, None] = {}
        self._evaluations: deque[Evaluation] = deque(maxlen=EVALUATIONS_KEPT)
        self._alerts: deque[Alert] = deque(maxlen=ALERTS_KEPT)
        self._answers: deque[Answer] = deque(maxlen=ANSWERS_KEPT)
        self._journal: deque[Entry] = deque(maxlen=ENTRIES_KEPT)
        self._steps_per_epoch: float | None = None
        self._handlers: dict[str, Callable[[Event], None]] = {
            "start": self._start,
            "phase": self._phase,
            "layer": self._layer,
            "eval": self._evaluation,
            "checkpoint": self._checkpoint,
            "export": self._export,
            "alert": self._alert,
            "control": self._control,
            "exit": self._exit,
        }

    def take(self, events: Iterable[Event]) -> None:
        """Take in events; kinds that say nothing to a screen only move its place and time."""
        for event in events:
            self._place(event)
            kind = event.get("kind")
            if kind == "metric":
                self._metric(event)
            elif kind in self._handlers:
                self._handlers[kind](event)
                entry = entry_of(event)
                if entry:
                    self._journal.append(entry)

    def view(self, *, bad_lines: int = 0, gaps: int = 0, unread: int = 0) -> RunView:
        """What is known now."""
        if self._frozen_layers is None:
            self._frozen_layers = tuple(layer.frozen() for layer in self._layers.values())
        return RunView(
            curves={name: track.points() for name, track in self._tracks.items()},
            open_phases=tuple(self._phases),
            evaluations=tuple(self._evaluations),
            layers=self._frozen_layers,
            alerts=tuple(self._alerts),
            answers=tuple(self._answers),
            journal=tuple(self._journal),
            bad_lines=bad_lines,
            gaps=gaps,
            unread=unread,
            **self._fields,
        )

    # one method a kind of event

    def _place(self, event: Event) -> None:
        fields = self._fields
        fields["events"] += 1
        time, step, epoch = finite(event.get("t")), whole(event.get("step")), finite(event.get("epoch"))
        if time is not None:
            fields.setdefault("first_time", time)
            fields["last_time"] = time
        if step is not None:
            fields["step"] = step
            if epoch is None and self._steps_per_epoch:
                epoch = step / self._steps_per_epoch
        if epoch is not None:
            fields["epoch"] = epoch

    def _start(self, event: Event) -> None:
        self._steps_per_epoch = finite(event.get("steps_per_epoch")) or None
        self._fields["steps_per_epoch"] = self._steps_per_epoch
        self._fields["total_steps"] = whole(event.get("total_steps"))
        self._fields["total_epochs"] = finite(event.get("total_epochs"))
        self._fields["device"] = text(event.get("device"), 40)
        self._fields["timeline"] = tuple(filter(None, map(_phase_of, sequence(event.get("timeline")))))
        # An engine that starts again after a stop has no ending yet, and none of the phases it was in.
        self._fields["ending"] = None
        self._phases.clear()

    def _phase(self, event: Event) -> None:
        name = text(event.get("phase"), 40)
        if event.get("action") == "leave":
            self._phases.pop(name, None)
        else:
            self._phases[name] = None

    def _metric(self, event: Event) -> None:
        epoch, tracks = self._fields["epoch"], self._tracks
        for name, low_name, high_name in _METRIC_FIELDS:
            value = event.get(name)
            # Nearly all values of nearly all events are plain numbers: a million of them must be read in seconds.
            if type(value) is not float:
                value = number(value)
                if value is None:
                    continue
            track = tracks.get(name)
            if track is None:
                track = tracks[name] = Track()
            if low_name in event:
                _append_extremes(track, epoch, value, number(event[low_name]), number(event.get(high_name)))
            track.append(epoch, value)

    def _layer(self, event: Event) -> None:
        name = text(event.get("name"), 200)
        layer = self._layers.setdefault(name, _LayerTrack(name))
        layer.shape = tuple(size for size in map(whole, sequence(event.get("shape"))) if size is not None)
        layer.sparsity, layer.target = finite(event.get("sparsity")), finite(event.get("target"))
        layer.quantised = event.get("quantised") is True
        if layer.sparsity is not None:
            layer.track.append(self._fields["epoch"], layer.sparsity)
        self._frozen_layers = None

    def _evaluation(self, event: Event) -> None:
        exact_match, f1 = finite(event.get("exact_match")), finite(event.get("f1"))
        teacher = finite(event.get("teacher_f1"))
        self._fields["teacher_f1"] = teacher if teacher is not None else self._fields.get("teacher_f1")
        if exact_match is None or f1 is None:
            return
        epoch = self._fields["epoch"]
        samples, seconds, recovery = (event.get(key) for key in ("samples", "seconds", "recovery"))
        known = Evaluation(epoch, exact_match, f1, whole(samples), finite(seconds), finite(recovery))
        self._evaluations.append(known)
        self._tracks.setdefault("f1", Track()).append(epoch, f1)
        self._tracks.setdefault("exact_match", Track()).append(epoch, exact_match)

    def _checkpoint(self, event: Event) -> None:
        where, why = text(event.get("path")), text(event.get("reason"), 100)
        self._fields["checkpoint"] = Checkpoint(finite(event.get("t")) or 0.0, self._fields["epoch"], where, why)

    def _export(self, event: Event) -> None:
        difference, tolerance = finite(event.get("difference")), finite(event.get("tolerance"))
        size = whole(event.get("size_bytes"))
        self._fields["exported"] = Exported(text(event.get("path")), size, difference, tolerance)

    def _alert(self, event: Event) -> None:
        level, message, hint = (text(event.get(key)) for key in ("level", "message", "hint"))
        self._alerts.append(Alert(finite(event.get("t")) or 0.0, level or "info", message, hint))

    def _control(self, event: Event) -> None:
        request, command, message = (text(event.get(key)) for key in ("request", "command", "message"))
        self._answers.append(Answer(request, command, event.get("accepted") is True, message))

    def _exit(self, event: Event) -> None:
        error = mapping(event.get("error"))
        kind, message = text(error.get("type"), 80), text(error.get("message"))
        usage = error.get("usage") is True
        said = message if usage or not kind else f"{kind}: {message}"
        outcome, reason = text(event.get("outcome"), 40), text(event.get("reason"))
        self._fields["ending"] = Ending(outcome, reason, said, text(error.get("hint")))
        self._phases.clear()


def _append_extremes(track: Track, epoch: float, value: float, low: float | None, high: float | None) -> None:
    """A merged report: its extremes must be seen; its mean comes before and after them, so that lines join there."""
    if low is not None and high is not None and (low, high) != (value, value):
        for part in (value, low, high):
            track.append(epoch, part)


def _phase_of(entry: object) -> Phase | None:
    fields = mapping(entry)
    start, end = finite(fields.get("start_epoch")), finite(fields.get("end_epoch"))
    name = text(fields.get("name"), 40)
    return Phase(name, start, end) if name and start is not None and end is not None and end > start else None
