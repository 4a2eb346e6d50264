"""The processes that train one model together, and what they tell each other beside the gradients."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

Value = TypeVar("Value")
_PATIENCE = datetime.timedelta(days=365)
"""Others wait as long as rank 0 pauses or evaluates; a process that died is noticed at once all the same."""


class RankError(Exception):
    """What rank 0 did for all of them went wrong there; it has said so itself."""


class Ranks:
    """The processes of a run, of which this one is number `rank`; alone, every method does nothing at once.

    Small messages go through a group of their own over gloo, with patience; tensors go through the run's own.
    """

    def __init__(self, rank: int = 0, count: int = 1, group: Any = None) -> None:
        self.rank = rank
        self.count = count
        self.here = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if count > 1 else 1
        """Processes of the run on this machine."""
        self._group = group

    @property
    def leads(self) -> bool:
        """Whether this process writes, evaluates and hears commands for all."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait until all are here."""
        if self.count > 1:
            dist.barrier(group=self._group)

    def share(self, value: Value) -> Value:
        """Rank 0's value. Only plain values: it is pickled."""
        if self.count == 1:
            return value
        box = [value if self.leads else None]
        dist.broadcast_object_list(box, src=0, group=self._group)
        return box[0]  # pyright: ignore[reportReturnType]

    def from_first(self, work: Callable[[], Value], passed_on: type[Exception]) -> Value:
        """What `work` gives in rank 0, which alone does it. Raises what rank 0 raised if it is a `passed_on`, and
        `RankError` for anything else."""
        if self.count == 1:
            return work()
        value: Any = None
        fault: BaseException | None = None
        if self.leads:
            try:
                value = work()
            except Exception as error:
                fault = error
        kind = "" if fault is None else "passed on" if isinstance(fault, passed_on) else "failed"
        kind, text, value = self.share((kind, str(fault), value))
        if fault is not None:
            raise fault
        if kind:
            raise passed_on(text) if kind == "passed on" else RankError(text)
        return value

    def first_then_others(self, work: Callable[[], Value], passed_on: type[Exception]) -> Value:
        """What `work` gives in each process; rank 0 does it first, so that the others find its files."""
        if self.count == 1:
            return work()
        if self.leads:
            made: list[Value] = []
            self.from_first(lambda: made.append(work()), passed_on)
            return made[0]
        self.from_first(lambda: None, passed_on)
        return work()

    def sum(self, tensor: torch.Tensor) -> None:
        """Make `tensor` the sum of all ranks' tensors, in place; the same bits everywhere."""
        if self.count > 1:
            dist.all_reduce(tensor)

    def least(self, tensor: torch.Tensor) -> None:
        """Make `tensor` the smallest of all ranks' numbers, in place."""
        if self.count > 1:
            dist.all_reduce(tensor, op=dist.ReduceOp.MIN)

    def means(self, values: Sequence[float]) -> list[float]:
        """The mean over the ranks of each of a few numbers."""
        if self.count == 1:
            return list(values)
        numbers = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(numbers, group=self._group)
        return (numbers / self.count).tolist()

    def lowest(self, number: int) -> int:
        """The smallest of the ranks' whole numbers."""
        return min(values[0] for values in self.gathered([number]))

    def gathered(self, values: Sequence[int]) -> list[list[int]]:
        """The whole numbers (below 2^63) of every rank."""
        if self.count == 1:
            return [list(values)]
        own = torch.tensor(values, dtype=torch.int64)
        found = [torch.empty_like(own) for _ in range(self.count)]
        dist.all_gather(found, own, group=self._group)
        return [numbers.tolist() for numbers in found]


_current = Ranks()


def ranks() -> Ranks:
    """The processes of this run."""
    return _current


def join(backend: str, timeout: float) -> Ranks:
    """Become one of the processes that the environment tells of (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT).

    `backend`: gloo or nccl, for gradients; `timeout`: seconds that one waits there for the others.
    """
    global _current
    patience = datetime.timedelta(seconds=timeout)
    store, rank, count = next(rendezvous("env://", timeout=patience))
    # The agent's store outlives its ranks: those that were started again must not find the addresses of the dead.
    attempt = PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    dist.init_process_group(backend, timeout=patience, store=attempt, rank=rank, world_size=count)
    group = dist.new_group(backend="gloo", timeout=_PATIENCE)
    _current = Ranks(dist.get_rank(), dist.get_world_size(), group)
    return _current


def leave() -> None:
    """Be alone again."""
    global _current
    _current = Ranks()
    if dist.is_initialized():
        dist.destroy_process_group()
