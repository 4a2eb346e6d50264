"""How the state of a run looks: a glyph as well as a colour, so that neither is needed."""

from __future__ import annotations

GLYPHS = {
    "queued": "○",
    "starting": "◌",
    "running": "●",
    "evaluating": "◐",
    "exporting": "◑",
    "paused": "‖",
    "stalled": "!",
    "finished": "✓",
    "stopped": "■",
    "failed": "✗",
    "killed": "☠",
    "unknown": "?",
}

ACTIVE = frozenset({"queued", "starting", "running", "evaluating", "exporting", "paused", "stalled"})
"""States in which the engine of a run can still be steered."""

RESUMABLE = frozenset({"stopped", "failed", "killed"})
"""States from which an engine can be started again."""
ENDED = RESUMABLE | {"finished"}
"""States in which no engine can be asked any more."""


def glyph(state: str) -> str:
    """One cell for the state; a state of a later version is unknown."""
    return GLYPHS.get(state, "?")
