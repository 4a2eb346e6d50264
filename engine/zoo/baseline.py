"""What a sparse model's accuracy is measured against: the F1 of a dense one, where no document names it."""

from __future__ import annotations

from engine.zoo.catalogue import CatalogueSource, fact_of
from engine.zoo.entry import Entry, may_teach
from engine.zoo.stubs import is_stub
from engine.zoo.substitutes import shape_of


def inferred_baseline(entry: Entry) -> Entry | None:
    """The catalogue's dense model of the same shape, layers and data set whose F1 is known; None where there is none.

    The same architecture before another one of that shape, the same place before another, teachers before others. One
    whose layers are not known is taken for the whole model.
    """
    if entry.sparsity == 0:
        return None
    alike = (shape_of(entry), entry.dataset, entry.task)
    dense = [other for other in CatalogueSource().entries() if may_teach(other) and other.f1 is not None]
    near = [other for other in dense if (shape_of(other), other.dataset, other.task) == alike]
    layers = entry.layers or max((other.layers or 0 for other in near), default=0)
    near = [other for other in near if other.layers == layers]
    return min(near, key=lambda other: _distance(entry, other), default=None)


def _distance(entry: Entry, other: Entry) -> tuple[bool, ...]:
    fact = fact_of(other.stub)
    elsewhere = is_stub(entry.stub) != is_stub(other.stub)
    return other.architecture != entry.architecture, elsewhere, fact is None or fact.teacher is None
