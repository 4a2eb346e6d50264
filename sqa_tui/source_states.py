"""What the sources of the zoo answered when they were asked: it holds until they are asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence

from engine.zoo import State, sources
from sqa_tui.zoo_words import SourceState


def as_answered(states: Sequence[SourceState], answered: Mapping[str, State]) -> tuple[SourceState, ...]:
    """The states with what was answered in the place of what is known without asking."""
    return tuple((name, title, answered.get(name, state)) for name, title, state in states)


async def ask_sources(answered: MutableMapping[str, State]) -> tuple[SourceState, ...]:
    """Ask all sources at once, keep what those on a network answer in `answered`, and return every state."""
    there = sources()
    states = await asyncio.gather(*(asyncio.to_thread(source.probe) for source in there))
    found = tuple((source.name, source.title, state) for source, state in zip(there, states, strict=True))
    answered.update({source.name: state for source, state in zip(there, states, strict=True) if source.can_fetch})
    return found
