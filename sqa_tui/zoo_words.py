"""What the Zoo screen says of sources and downloads, as coloured words."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import plain
from engine.zoo import Fetch, State
from sqa_tui.formatting import duration, progress_bar, short_name, size
from sqa_tui.widgets.lines import Line, Piece

SIGNS = {
    "ready": ("✓", "state-finished"),
    "unasked": ("·", "muted"),
    "empty": ("○", "muted"),
    "offline": ("–", "state-stalled"),
    "unavailable": ("–", "muted"),
    "unreachable": ("✗", "state-failed"),
}
"""A sign and a colour for the state of a source."""
BAR = 10
SourceState = tuple[str, str, State]
"""Name, title and state."""


def source_line(states: Sequence[SourceState]) -> Line:
    """All sources in one line, with the reason of the first one that is not ready."""
    pieces = [Piece(f"{SIGNS[state.word][0]} {name}  ", SIGNS[state.word][1]) for name, _, state in states]
    wrong = next(((name, state) for name, _, state in states if not state.usable and state.word != "empty"), None)
    if wrong is not None:
        pieces.append(Piece(plain(f"{wrong[0]} {wrong[1].word}: {wrong[1].reason}"), "muted"))
    return tuple(pieces)


def source_lines(states: Sequence[SourceState]) -> list[Line]:
    """A line for each source: its state and the reason."""
    width = max((len(name) for name, _, _ in states), default=0)
    return [
        (
            Piece(f"{SIGNS[state.word][0]} {name:<{width}}  ", SIGNS[state.word][1]),
            Piece(plain(f"{state.word}: {state.reason}"), "muted"),
        )
        for name, _, state in states
    ]


def fetch_line(fetch: Fetch) -> Line:
    """One download: how far it is, how fast, how long yet; or how it ended."""
    name = Piece(f" {plain(short_name(fetch.name), 40)}  ", bold=True)
    if fetch.error is not None:
        return (Piece("✗", "state-failed"), name, Piece(plain(str(fetch.error)), "state-failed"))
    if fetch.cancelled:
        return (Piece("■", "muted"), name, Piece("cancelled: nothing of it was kept", "muted"))
    if fetch.path is not None:
        return (Piece("✓", "state-finished"), name, Piece(plain(str(fetch.path)), "muted"))
    return (Piece("↓", "state-running"), name, *_course(fetch))


def _course(fetch: Fetch) -> tuple[Piece, ...]:
    now = fetch.progress
    if now.phase == "asking":
        return (Piece(f"asking {now.source} …", "muted"),)
    share = now.done / now.total if now.total else None
    many = f"{size(now.done)} of {size(now.total)}" if now.total else size(now.done)
    left = f"ETA {duration(now.eta)}" if now.eta is not None else ""
    speed = f"{size(now.speed)}/s" if now.speed else ""
    bar = f"{progress_bar(share, BAR)} {100 * share:3.0f} %  " if share is not None else ""
    rest = "  ".join(word for word in (speed, left, plain(now.file)) if word)
    return (Piece(bar, "state-running"), Piece(f"{many}  "), Piece(rest, "muted"))
