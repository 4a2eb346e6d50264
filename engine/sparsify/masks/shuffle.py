"""The fixed shuffle that decides between equal smallest scores: ``random.Random(42).shuffle``, without a loop."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

SEED = 42
WORD = 32
WORDS = 1 << 20
"""Random words made at a time."""
DRAWS = 1 << 16
"""Random words looked at at a time."""

Integers = npt.NDArray[np.int32]
Booleans = npt.NDArray[np.bool_]


# Tensors of one shape that are zero all over ask for the same shuffle again and again.
@lru_cache(maxsize=2)
def spared_by_shuffle(count: int, pruned: int) -> Integers:
    """The members of 0 … count-1 that stand behind the first `pruned` after the shuffle, in ascending order.

    The shuffle walks from the end and gives each place what a drawn place at or before it holds, so those places are
    settled first and the rest of the walk is left out. The result is shared: not to be written to.
    """
    if pruned in (0, count):
        return np.arange(count - pruned, dtype=np.int32)
    drawn = _drawn_places(count, count - pruned)
    places, final = _last_draws(drawn)
    settled = _moved_before_their_turn(drawn, places, final, pruned)
    spared = np.insert(places, np.searchsorted(places, settled), settled)
    spared.flags.writeable = False
    return spared


def _last_draws(drawn: Integers) -> tuple[Integers, Booleans]:
    """The places that were drawn at all, ascending, and for each step whether its place is not drawn again."""
    by_place = (drawn.astype(np.int64) << WORD) | np.arange(drawn.size)
    by_place.sort()
    places = (by_place >> WORD).astype(np.int32)
    last = np.append(places[1:] != places[:-1], True)
    final = np.zeros(drawn.size, dtype=np.bool_)
    final[by_place[last] & (2**WORD - 1)] = True
    return places[last], final


def _moved_before_their_turn(drawn: Integers, places: Integers, final: Booleans, pruned: int) -> Integers:
    """Members behind `pruned` that no draw met at home, but one where their turn had moved them to; ascending.

    At its turn such a member moves to the drawn place. If that is drawn again, the member is settled; if not, it is
    pruned in front of `pruned`, and behind it moves on at that place's turn.
    """
    last = pruned + drawn.size - 1
    unmet = np.ones(drawn.size, dtype=np.bool_)  # by turn
    unmet[last - places[np.searchsorted(places, pruned) :]] = False
    settled = [np.flatnonzero(unmet & ~final)]
    members = np.flatnonzero(unmet & final & (drawn >= pruned))
    turns = last - drawn[members]
    while members.size:
        waits = final[turns]
        settled.append(members[~waits])
        members, turns = members[waits], turns[waits]
        behind = drawn[turns] >= pruned
        members, turns = members[behind], last - drawn[turns[behind]]
    return np.sort(last - np.concatenate(settled)).astype(np.int32)


def _drawn_places(count: int, steps: int) -> Integers:
    """The places that the first `steps` steps of the shuffle draw: at most count-1, count-2, …"""
    parts: list[Integers] = []
    words = _words()
    rest = next(words)
    last = count - 1
    while steps:
        bits = (last + 1).bit_length()
        wanted = min(steps, last + 2 - (1 << (bits - 1)))  # then one bit less is drawn
        looked_at = rest[: min(2 * wanted, DRAWS)]  # one of two is taken at least, in the mean
        at, places = _accepted(looked_at >> np.uint32(WORD - bits), last)
        used = int(at[wanted - 1]) + 1 if places.size >= wanted else looked_at.size
        rest = rest[used:] if used < rest.size else next(words)
        places = places[:wanted]
        parts.append(places)
        steps -= places.size
        last -= places.size
    return np.concatenate([np.empty(0, dtype=np.int32), *parts])


def _accepted(draws: npt.NDArray[np.uint32], last: int) -> tuple[npt.NDArray[np.int64], Integers]:
    """Where in `draws` and which are taken: the first at most `last`, and one less for each that was taken before."""
    at = np.flatnonzero(draws <= last)
    places = draws.take(at).astype(np.int32)
    doubtful = np.flatnonzero(places > np.arange(last, last - places.size, -1, dtype=np.int32))
    if not doubtful.size:
        return at, places
    excess = places[doubtful] - (last - doubtful)
    refused = np.ones(doubtful.size, dtype=np.bool_)
    while True:  # each round settles at least one more from the left; few rounds are needed
        again = excess > np.cumsum(refused) - refused
        if np.array_equal(again, refused):
            break
        refused = again
    kept = np.ones(places.size, dtype=np.bool_)
    kept[doubtful[refused]] = False
    return at[kept], places[kept]


def _words() -> Iterator[npt.NDArray[np.uint32]]:
    """The 32-bit words of Python's generator, by numpy's of the same kind."""
    words, state = _first_words()
    yield words
    generator = np.random.MT19937()
    generator.state = state
    while True:
        yield generator.random_raw(WORDS).astype(np.uint32)


@cache
def _first_words() -> tuple[npt.NDArray[np.uint32], Any]:
    """The words every shuffle begins with, and the state behind them."""
    _, state, _ = random.Random(SEED).getstate()
    generator = np.random.MT19937()
    generator.state = {
        "bit_generator": "MT19937",
        "state": {"key": np.array(state[:-1], dtype=np.uint32), "pos": state[-1]},
    }
    return generator.random_raw(WORDS).astype(np.uint32), generator.state
