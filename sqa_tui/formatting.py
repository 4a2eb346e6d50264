"""Numbers, series and names as short text: durations, percentages, bars, sparklines, stubs."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = "▁▂▃▄▅▆▇█"


def duration(seconds: float | None) -> str:
    """Seconds as people say them, at most two units: `42 s`, `3 m 02 s`, `4 h 12 m`, `2 d 03 h`."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return ""
    whole = round(seconds)
    for size, unit, smaller, smaller_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller:02d} {smaller_unit}"
    return f"{whole} s"


def percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction of 1 as `80.0 %`, nothing when unknown."""
    return "" if fraction is None or not math.isfinite(fraction) else f"{100 * fraction:.{digits}f} %"


def number(value: float | None, digits: int = 1) -> str:
    """A number with fixed digits, nothing when unknown."""
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def progress_bar(fraction: float | None, width: int) -> str:
    """A bar `width` cells wide, filled to an eighth of a cell."""
    if fraction is None or not math.isfinite(fraction):
        return " " * width
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width, "░")


def sparkline(values: Sequence[float], width: int) -> str:
    """The shape of a series, newest on the right, one level of eight a cell; what is not finite is a gap."""
    tail = list(values)[-width:]
    finite = [value for value in tail if math.isfinite(value)]
    if not finite:
        return " " * width
    low, high = min(finite), max(finite)
    return "".join(_level(value, low, high) for value in tail).rjust(width)


def _level(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return " "
    share = (value - low) / (high - low) if high > low else 0.0
    return _LEVELS[min(int(share * len(_LEVELS)), len(_LEVELS) - 1)]


def size(count: float | None) -> str:
    """Bytes as `7.2 MB`, decimal units."""
    if count is None:
        return ""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def short_name(source: str) -> str:
    """A model or recipe in a few words: architecture and variant of a stub, the last two parts of a long path."""
    parts = source.split("/")
    if source.startswith("zoo:") and len(parts) >= 4:
        return f"{parts[2]} {parts[-1]}"
    return source if len(parts) <= 2 else "…/" + "/".join(parts[-2:])


def short_stubs(text: str) -> str:
    """Text with every zoo stub in it as `short_name` has it."""
    return re.sub(r"zoo:[\w/.-]+", lambda stub: short_name(stub[0]), text)


def cut_middle(text: str, width: int) -> str:
    """Text in `width` cells: what does not fit goes from before its last half, for names that differ at their end."""
    if cell_len(text) <= width:
        return text
    tail_cells = max((width - 1) * 3 // 5, 0)
    tail = text[len(text) - tail_cells :] if tail_cells else ""
    while cell_len(tail) > tail_cells:
        tail = tail[1:]
    return f"{set_cell_size(text, max(width - 1 - cell_len(tail), 0))}…{tail}" if width > 0 else ""


def wrapped(text: str, width: int, *, at_hyphens: bool = True) -> list[str]:
    """Text on lines of at most `width` characters; at least one line. Names are not to be broken `at_hyphens`."""
    return textwrap.wrap(text, max(width, 1), break_on_hyphens=at_hyphens) or [""]


def counted(count: int, word: str) -> str:
    """`1 problem`, `2 problems`."""
    return f"{count} {word}{'' if count == 1 else 's'}"
