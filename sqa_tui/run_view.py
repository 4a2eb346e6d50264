"""A run as a screen shows it: frozen values, made from its events by `sqa_tui.watchers.reducer`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqa_tui.tracks import Points


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training with a name, in epochs."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Layer:
    """One parameter under a recipe, as last reported."""

    name: str
    shape: tuple[int, ...]
    sparsity: float | None
    """Share of zeros, 0…1."""
    target: float | None
    quantised: bool
    history: Points
    """Sparsity over epochs."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores on the validation data, 0…100."""

    epoch: float
    exact_match: float
    f1: float
    samples: int | None
    seconds: float | None
    recovery: float | None
    """F1 as a share of the teacher's, 0…1."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something the engine wants a person to know."""

    time: float
    level: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A sentence about something that happened."""

    time: float
    level: str
    """`info`, `good`, `warning` or `error`."""
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine said to a command."""

    request: str
    command: str
    accepted: bool
    message: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that was written."""

    time: float
    epoch: float
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Exported:
    """A deployment folder that was written."""

    path: str
    size_bytes: int | None
    difference: float | None
    tolerance: float | None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended, in its own words."""

    outcome: str
    reason: str
    error: str
    hint: str


@dataclass(frozen=True, slots=True)
class RunView:
    """Everything known of a run from its events up to some moment."""

    curves: Mapping[str, Points] = field(default_factory=dict[str, Points])
    """Every metric over epochs, also `f1` and `exact_match`."""
    step: int = 0
    epoch: float = 0.0
    total_steps: int | None = None
    total_epochs: float | None = None
    steps_per_epoch: float | None = None
    device: str = ""
    teacher_f1: float | None = None
    timeline: tuple[Phase, ...] = ()
    open_phases: tuple[str, ...] = ()
    """Phases entered and not left, oldest first."""
    evaluations: tuple[Evaluation, ...] = ()
    layers: tuple[Layer, ...] = ()
    checkpoint: Checkpoint | None = None
    exported: Exported | None = None
    alerts: tuple[Alert, ...] = ()
    answers: tuple[Answer, ...] = ()
    journal: tuple[Entry, ...] = ()
    ending: Ending | None = None
    events: int = 0
    first_time: float | None = None
    last_time: float | None = None
    bad_lines: int = 0
    gaps: int = 0
    unread: int = 0
    """Bytes of the log that are not read yet."""

    def latest(self, metric: str) -> float | None:
        """The newest value of a metric."""
        points = self.curves.get(metric)
        return points.last if points else None

    @property
    def progress(self) -> float | None:
        """Share of the steps that are done, 0…1."""
        return min(self.step / self.total_steps, 1.0) if self.total_steps else None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do by its recipe and arguments; empty where that is not known."""

    sparsity: Points | None = None
    """Target over epochs."""
    learning_rate: Points | None = None
    mask_updates: tuple[float, ...] = ()
    """Epochs at which the target changes, in order."""
    evaluation_every: float | None = None
    """Epochs from one evaluation to the next."""
