"""Masks N:M know one sparsity and none: whether a schedule asks them for another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from engine.recipes.clock import NOMINAL_STEPS, first_step_at
from engine.recipes.interpolation import alternating_sparsity_at, sparsity_at, targets
from engine.recipes.modifiers import ACDCPruningModifier, GradualPruningModifier, Modifier
from engine.recipes.modifiers.sparsity import RATIO_TOLERANCE, ratio
from engine.recipes.schedule import update_steps

CLOCKS = (1, 2, 3, 5, 10, NOMINAL_STEPS)
"""Steps of an epoch that are tried where nobody has said how many there are."""
MOST_UPDATES = 10_000


class Miss(NamedTuple):
    """An update at `epoch` that asks for `sparsity`, which masks `masks` cannot have."""

    epoch: float
    sparsity: float
    share: float
    masks: str

    def __str__(self) -> str:
        return f"wants sparsity {self.sparsity:.4g} at epoch {self.epoch:.4g}, masks {self.masks} have {self.share:.4g}"

    @property
    def suggestion(self) -> str:
        """How such a modifier works."""
        return f"set the sparsities at its start and end to {self.share:.4g}"


def miss(modifier: Modifier, length: float, steps_per_epoch: int | None = None) -> Miss | None:
    """The first update that masks N:M cannot make in a run of `length` epochs.

    None where there is no such update, or where that depends on the steps of an epoch and they are not known.
    """
    if steps_per_epoch is not None:
        return _first(modifier, length, steps_per_epoch)
    found: Miss | None = None
    for steps in CLOCKS:
        found = _first(modifier, length, steps)
        if found is None:
            return None
    return found


def fits(sparsity: float, share: float) -> bool:
    """Whether masks with this share of zeros can be made for a target."""
    return sparsity == 0 or abs(sparsity - share) <= RATIO_TOLERANCE


def _first(modifier: Modifier, length: float, steps_per_epoch: int) -> Miss | None:
    if not isinstance(modifier, GradualPruningModifier | ACDCPruningModifier):
        return None
    share = ratio(modifier.mask_type)
    if share is None:
        return None
    for aim in _aims(modifier, share):
        for epoch in _epochs(modifier, length, steps_per_epoch):
            if not fits(aim(epoch), share):
                return Miss(epoch, aim(epoch), share, str(modifier.mask_type))
    return None


def _aims(modifier: GradualPruningModifier | ACDCPruningModifier, share: float) -> Iterator[Callable[[float], float]]:
    """The sparsity over the epochs, for every course that can leave the share."""
    if isinstance(modifier, ACDCPruningModifier):
        if not fits(modifier.compression_sparsity, share):
            yield partial(alternating_sparsity_at, modifier)
        return
    # What parameters have at the start is their own.
    if isinstance(modifier.init_sparsity, str):
        return
    for final in targets(modifier):
        if modifier.init_sparsity == 0 or not (fits(modifier.init_sparsity, share) and fits(final, share)):
            yield partial(sparsity_at, modifier, final=final)


def _epochs(
    modifier: GradualPruningModifier | ACDCPruningModifier, length: float, steps_per_epoch: int
) -> Iterator[float]:
    """When masks are renewed; an end that no step reaches is made up for when the run is over."""
    total = round(length * steps_per_epoch)
    for _, update in islice(update_steps(modifier, steps_per_epoch, total), MOST_UPDATES):
        yield update.epoch
    started = first_step_at(modifier.start_epoch, steps_per_epoch) < total
    if started and 0 <= modifier.end_epoch <= length:
        yield modifier.end_epoch
