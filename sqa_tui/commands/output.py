"""How subcommands print: tables for people, JSON for programs; foreign text never as markup or escape codes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.errors import plain

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    """One JSON document on stdout, indented."""
    text = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    sys.stdout.write(text.decode() + "\n")


def print_json_line(value: Any) -> None:
    """One JSON document on one line of stdout."""
    sys.stdout.write(msgspec.json.encode(value, enc_hook=str).decode() + "\n")
    sys.stdout.flush()


def console() -> Console:
    """A console on stdout; as wide as its text where the output is not a terminal, so that pipes see whole lines."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table without borders; the columns named in `right` are aligned to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console().print(table)


def percent(value: float | None) -> str:
    """A share 0…1 as percent with one decimal, or an empty cell where it is unknown."""
    return "" if value is None else f"{100 * value:.1f} %"


def figure(value: float | None, digits: int = 2) -> str:
    """A number with fixed decimals, or an empty cell where it is unknown."""
    return "" if value is None else f"{value:.{digits}f}"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: `42 s`, `3 m 02 s`, `4 h 12 m`."""
    if seconds is None or seconds < 0:
        return ""
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
