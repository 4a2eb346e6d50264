"""Gradual magnitude pruning and constant pruning."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from engine.errors import UserError
from engine.recipes.interpolation import sparsity_at
from engine.recipes.modifiers import (
    ACDCPruningModifier,
    ConstantPruningModifier,
    GlobalMagnitudePruningModifier,
    GMPruningModifier,
    GradualPruningModifier,
    MagnitudePruningModifier,
)
from engine.recipes.ratio_masks import miss
from engine.sparsify.behaviours.base import AnyModifier, Behaviour, Moment, Training, behaviour_of
from engine.sparsify.context import Teacher
from engine.sparsify.masking import Masking, count_zeros
from engine.sparsify.masks import Magnitudes, create_masks
from engine.sparsify.parameters import NamedParameters, select_parameters

FROM_PARAMETER = "__FROM_PARAM__"
Scored = TypeVar("Scored", bound=GradualPruningModifier | ACDCPruningModifier)
Gradual = TypeVar("Gradual", bound=GradualPruningModifier)


class MaskingBehaviour(Behaviour[AnyModifier], Generic[AnyModifier]):
    """A behaviour that holds masks over parameters."""

    phase = "prune"

    def __init__(self, modifier: AnyModifier, *, sparseml_compatible: bool = False) -> None:
        super().__init__(modifier, sparseml_compatible=sparseml_compatible)
        self.masking = Masking([])
        self.applied: list[float | None] = []
        """The sparsity of the last masks, for each parameter; None before the first."""
        self.gone = False
        """Whether the masks were let go, so that nothing is aimed at any more."""

    def check(self, model: nn.Module, teacher: Teacher) -> None:
        self.selected(model)

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.masking = Masking(self.selected(training.model))
        self.applied = [None] * len(self.masking.names)

    def selected(self, model: nn.Module) -> NamedParameters:
        """The parameters that are masked."""
        return select_parameters(model, self.modifier.params, modifier=self.modifier.name)  # type: ignore[attr-defined]

    def let_go(self) -> None:
        """Hold the masks no longer: the weights grow again."""
        self.masking.release()
        self.gone = True

    def after_step(self) -> None:
        self.masking.apply()

    def finalize(self, moment: Moment) -> None:
        self.masking.apply()
        self.masking.release()

    def maskings(self) -> Sequence[tuple[Masking, list[float | None]]]:
        nothing = [None if target is None else 0.0 for target in self.applied]
        return [(self.masking, nothing if self.gone else self.applied)]

    def state_dict(self) -> dict[str, Any]:
        return {"masking": self.masking.state_dict(), "applied": list(self.applied), "gone": self.gone}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.masking.load_state_dict(state["masking"])
        self.applied, self.gone = list(state["applied"]), state["gone"]


class ScoredPruning(MaskingBehaviour[Scored], ABC):
    """Prunes the lowest scores to the sparsity of the epoch."""

    @abstractmethod
    def scores(self) -> Sequence[torch.Tensor]:
        """One score for each weight; the lowest are pruned."""

    @abstractmethod
    def targets(self, epoch: float) -> list[float]:
        """Sparsity aimed at, for each parameter."""

    @property
    def one_threshold(self) -> bool:
        """Whether all parameters compete with each other."""
        return bool(getattr(self.modifier, "global_sparsity", False))

    @property
    def groups(self) -> Sequence[Sequence[int]]:
        """Which parameters, by their places, share one decision."""
        return ()

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        context = training.context
        missed = None if context.one_shot else miss(self.modifier, context.total_epochs, context.steps_per_epoch)
        if missed:
            raise UserError(f"{self.modifier.name} {missed}", missed.suggestion)

    def update(self, moment: Moment) -> None:
        self.prune(moment, self.targets(moment.epoch))
        if moment.ends and not self.modifier.leave_enabled:
            self.let_go()

    @torch.no_grad()
    def prune(self, moment: Moment, targets: list[float]) -> None:
        """Renew the masks for `targets`."""
        regrowing = self._regrowing(targets)
        self.renew(targets)
        self.applied = list(targets)
        self.say(moment, "update", f"{self.modifier.name}: sparsity {_range(targets)}{regrowing}")

    def renew(self, targets: list[float]) -> None:
        """Score the weights and hold the masks for `targets`."""
        self.masking.hold(self._masks(targets))

    def _masks(self, targets: list[float]) -> list[torch.Tensor]:
        try:
            return create_masks(
                self.modifier.mask_type,
                self.scores(),
                targets,
                one_threshold=self.one_threshold,
                groups=self.groups,
            )
        except ValueError as error:
            raise UserError(f"{self.modifier.name}: {error}", "change mask_type or params in the recipe") from None

    def _regrowing(self, targets: list[float]) -> str:
        """What to say where more is zero already than is aimed at: the mask lets the surplus go."""
        if self.masking.active:
            return ""
        sizes = [parameter.numel() for parameter in self.masking.parameters]
        aimed = [round(target * size) for target, size in zip(targets, sizes, strict=True)]
        freed = sum(max(zeros - aim, 0) for zeros, aim in zip(self.masking.zeros(), aimed, strict=True))
        return f"; {freed} weights that were zero may grow again" if freed else ""


class GradualPruning(ScoredPruning[Gradual], ABC):
    """Prunes to a sparsity that grows with the epoch."""

    def initialize(self, training: Training) -> None:
        super().initialize(training)
        self.finals = self._finals()
        self.inits = self._inits()

    def selected(self, model: nn.Module) -> NamedParameters:
        final = self.modifier.final_sparsity
        params = [name for names in final.values() for name in names] if isinstance(final, Mapping) else None
        return select_parameters(model, params or self.modifier.params, modifier=self.modifier.name)

    def targets(self, epoch: float) -> list[float]:
        compatible = self.sparseml_compatible
        return [
            sparsity_at(self.modifier, epoch, initial=initial, final=final, sparseml_compatible=compatible)
            for initial, final in zip(self.inits, self.finals, strict=True)
        ]

    def finalize(self, moment: Moment) -> None:
        if self._final_update_is_missing(moment.epoch) and not self.sparseml_compatible:
            self.prune(moment, self.targets(self.modifier.end_epoch))
        super().finalize(moment)

    def _final_update_is_missing(self, epoch: float) -> bool:
        """A run ends one step before its last epoch is full, so an end at the run's length is never reached."""
        return self.schedule.started and not self.schedule.ended and 0 <= self.modifier.end_epoch <= epoch

    def _finals(self) -> list[float]:
        final = self.modifier.final_sparsity
        if not isinstance(final, Mapping):
            return [final] * len(self.masking.names)
        targets: dict[str, float] = {}
        for sparsity, names in final.items():
            for name, _ in select_parameters(self.training.model, names, modifier=self.modifier.name):
                targets.setdefault(name, sparsity)
        return [targets[name] for name in self.masking.names]

    def _inits(self) -> list[float]:
        init = self.modifier.init_sparsity
        if not isinstance(init, str):
            return [init] * len(self.masking.names)
        sizes = [parameter.numel() for parameter in self.masking.parameters]
        return [zeros / size for zeros, size in zip(self.masking.zeros(), sizes, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "inits": self.inits}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.inits = list(state["inits"])


@behaviour_of(GMPruningModifier, MagnitudePruningModifier, GlobalMagnitudePruningModifier)
class MagnitudePruning(GradualPruning[GradualPruningModifier]):
    """Prunes the smallest weights (Zhu & Gupta 2017)."""

    def scores(self) -> Sequence[torch.Tensor]:
        return Magnitudes(self.masking.parameters)


@behaviour_of(ConstantPruningModifier)
class ConstantPruning(MaskingBehaviour[ConstantPruningModifier]):
    """Holds what is exactly zero at zero; the masks are taken anew before every step."""

    @torch.no_grad()
    def update(self, moment: Moment) -> None:
        # Held weights stay zero, so an equal number of zeros is the same mask.
        if not self.masking.active or count_zeros(self.masking.parameters) != self.masking.held:
            self.masking.hold([parameter != 0.0 for parameter in self.masking.parameters])
        if moment.ends:
            self.let_go()


def _range(targets: list[float]) -> str:
    low, high = min(targets), max(targets)
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
