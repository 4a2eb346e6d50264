"""Modifiers of the run itself: length, learning rate, weight decay, parameters, logging."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from engine.recipes.modifiers.base import FieldFault, Modifier
from engine.recipes.modifiers.kinds import (
    LAST_EPOCH,
    BadValueError,
    Boolean,
    Epoch,
    Fixed,
    Kind,
    Number,
    Optional,
    Selection,
    Settings,
    Text,
    Whole,
    kind,
)
from engine.recipes.modifiers.lists import Members
from engine.recipes.modifiers.values import Value, Values, shape_of
from engine.recipes.problems import did_you_mean

EPOCH: dict[str, Any] = kind(Epoch())
FREQUENCY: dict[str, Any] = kind(Epoch())
NEVER: dict[str, Any] = kind(Fixed(-1.0))
FLAG: dict[str, Any] = kind(Boolean())
GROUPS: dict[str, Any] = kind(Optional(Members(Whole(minimum=0))))
RATE: Kind = Number(minimum=0.0, maximum=1.0)
POSITIVE_RATE: dict[str, Any] = kind(Number(above=0.0, maximum=1.0))


@dataclass(frozen=True, kw_only=True)
class EpochRangeModifier(Modifier):
    """Does nothing but take part in the first and the last epoch of the recipe."""

    name: ClassVar[str] = "EpochRangeModifier"
    start_epoch: float = field(metadata=EPOCH)
    end_epoch: float = field(metadata=EPOCH)


@dataclass(frozen=True, kw_only=True)
class LearningRateFunctionModifier(Modifier):
    """Sets the learning rate before every step from the start to the end by a function of the epoch."""

    name: ClassVar[str] = "LearningRateFunctionModifier"
    end_is: ClassVar[str] = "after"
    lr_func: str = field(metadata=kind(Text(("linear", "cosine", "cyclic_linear"))))
    init_lr: float = field(metadata=kind(RATE))
    final_lr: float = field(metadata=kind(RATE))
    start_epoch: float = field(metadata=EPOCH)
    end_epoch: float = field(metadata=EPOCH)
    cycle_epochs: float = field(default=1.0, metadata=kind(Number(minimum=1e-6, maximum=LAST_EPOCH)))
    param_groups: tuple[int, ...] | None = field(default=None, metadata=GROUPS)
    update_frequency: float = field(default=-1.0, metadata=NEVER)


@dataclass(frozen=True, kw_only=True)
class SetLearningRateModifier(Modifier):
    """Sets the learning rate once, at the start."""

    name: ClassVar[str] = "SetLearningRateModifier"
    learning_rate: float = field(metadata=POSITIVE_RATE)
    param_groups: tuple[int, ...] | None = field(default=None, metadata=GROUPS)
    constant_logging: bool = field(default=False, metadata=FLAG)


_SCHEDULERS: dict[str, dict[str, float | None]] = {
    "StepLR": {"step_size": None, "gamma": 0.1},
    "MultiStepLR": {"milestones": None, "gamma": 0.1},
    "ExponentialLR": {"gamma": None},
    "CosineAnnealingWarmRestarts": {"cycle_epochs": None, "lr_min": 0.0},
}
"""The settings of each of torch's schedulers in a recipe, with their defaults; None where they must be given."""


@dataclass(frozen=True, kw_only=True)
class LearningRateModifier(Modifier):
    """Sets a learning rate, then lets one of torch's schedulers change it; its settings count in epochs."""

    name: ClassVar[str] = "LearningRateModifier"
    lr_class: str = field(metadata=kind(Text(tuple(_SCHEDULERS))))
    lr_kwargs: dict[str, Any] = field(metadata=kind(Settings()))
    init_lr: float = field(metadata=POSITIVE_RATE)
    start_epoch: float = field(metadata=EPOCH)
    constant_logging: bool = field(default=False, metadata=FLAG)
    update_frequency: float = field(default=-1.0, metadata=NEVER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lr_class == "ExponentialLR":
            # One factor an epoch is a step scheduler with steps of one epoch; so it is also saved.
            object.__setattr__(self, "lr_class", "StepLR")
            object.__setattr__(self, "lr_kwargs", {**self.lr_kwargs, "step_size": 1.0})

    def own_faults(self) -> Iterator[FieldFault]:
        known = _SCHEDULERS[self.lr_class]
        for name in (name for name in self.lr_kwargs if name not in known):
            message = f"has '{name}', which {self.lr_class} does not know ({', '.join(known)})"
            yield FieldFault("lr_kwargs", message, (name,), did_you_mean(name, known))
        for name, default in known.items():
            if name not in self.lr_kwargs and default is None:
                yield FieldFault("lr_kwargs", f"needs '{name}' for {self.lr_class}")
            elif name in self.lr_kwargs:
                yield from self._setting_faults(name)

    def _setting_faults(self, name: str) -> Iterator[FieldFault]:
        reader = Members(Epoch()) if name == "milestones" else _SETTING.get(name, _LENGTH)
        try:
            reader.read(self.lr_kwargs[name])
        except BadValueError as fault:
            yield FieldFault("lr_kwargs", f"'{name}' {fault}", (name, *fault.at), fault.suggestion)
        else:
            if name == "milestones" and len(self.lr_kwargs[name]) > MOST_MILESTONES:
                yield FieldFault("lr_kwargs", f"'{name}' must be at most {MOST_MILESTONES}", (name,))

    def setting(self, name: str) -> float:
        """A setting of the scheduler, or its default."""
        return float(self.lr_kwargs.get(name, _SCHEDULERS[self.lr_class].get(name)))

    @property
    def milestones(self) -> tuple[float, ...]:
        """The epochs at which ``MultiStepLR`` lowers the rate."""
        return Members(Number()).read(self.lr_kwargs.get("milestones", ()))


MOST_MILESTONES = 100
_LENGTH = Number(minimum=1e-6, maximum=LAST_EPOCH)
_SETTING: dict[str, Kind] = {"lr_min": Number(minimum=0.0)}


@dataclass(frozen=True, kw_only=True)
class SetWeightDecayModifier(Modifier):
    """Sets the weight decay of the optimizer's groups (None: all of them) once, at the start."""

    name: ClassVar[str] = "SetWeightDecayModifier"
    weight_decay: float = field(metadata=kind(Number(minimum=0.0)))
    param_groups: tuple[int, ...] | None = field(default=None, metadata=GROUPS)
    constant_logging: bool = field(default=False, metadata=FLAG)


@dataclass(frozen=True, kw_only=True)
class TrainableParamsModifier(Modifier):
    """Makes parameters trainable or freezes them; what was before comes back at the end."""

    name: ClassVar[str] = "TrainableParamsModifier"
    params: str | tuple[str, ...] = field(metadata=kind(Selection()))
    trainable: bool = field(metadata=FLAG)
    params_strict: bool = field(default=True, metadata=FLAG)

    def own_faults(self) -> Iterator[FieldFault]:
        yield from self._selection_faults()


@dataclass(frozen=True, kw_only=True)
class SetParamModifier(Modifier):
    """Copies a constant into parameters once."""

    name: ClassVar[str] = "SetParamModifier"
    params: str | tuple[str, ...] = field(metadata=kind(Selection()))
    val: Value = field(metadata=kind(Values()))
    params_strict: bool = field(default=True, metadata=FLAG)
    start_epoch: float = field(default=0.0, metadata=EPOCH)

    def own_faults(self) -> Iterator[FieldFault]:
        yield from self._selection_faults()


@dataclass(frozen=True, kw_only=True)
class GradualParamModifier(Modifier):
    """Moves parameters from one value to another."""

    name: ClassVar[str] = "GradualParamModifier"
    end_is: ClassVar[str] = "after"
    params: str | tuple[str, ...] = field(metadata=kind(Selection()))
    init_val: Value = field(metadata=kind(Values()))
    final_val: Value = field(metadata=kind(Values()))
    start_epoch: float = field(metadata=EPOCH)
    end_epoch: float = field(metadata=EPOCH)
    update_frequency: float = field(metadata=FREQUENCY)
    inter_func: str = field(default="linear", metadata=kind(Text(("linear", "cubic", "inverse_cubic"))))
    params_strict: bool = field(default=True, metadata=FLAG)

    def own_faults(self) -> Iterator[FieldFault]:
        yield from self._selection_faults()
        first, last = shape_of(self.init_val), shape_of(self.final_val)
        if first and last and first != last:
            yield FieldFault("final_val", f"must have the shape of init_val, {list(first)}, not {list(last)}")


@dataclass(frozen=True, kw_only=True)
class SparsificationLoggingModifier(Modifier):
    """Logs what is sparse and quantized; the run's events always do, so it changes nothing."""

    name: ClassVar[str] = "SparsificationLoggingModifier"
    update_frequency: float = field(default=1.0, metadata=FREQUENCY)
