"""How subcommands print: tables for people, JSON for programs; foreign text never as markup or escape codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.errors import plain

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    """One JSON document on stdout, indented."""
    sys.stdout.write(_encoded(value, 2).decode() + "\n")


def print_json_line(value: Any) -> None:
    """One JSON document on one line of stdout."""
    sys.stdout.write(_encoded(value, None).decode() + "\n")
    sys.stdout.flush()


def _encoded(value: Any, indent: int | None) -> bytes:
    try:
        text = msgspec.json.encode(value, enc_hook=str)
        return text if indent is None else msgspec.json.format(text, indent=indent)
    except UnicodeEncodeError:
        # The name of a file that is no UTF-8: its bytes as escapes, from which Python reads the same name.
        return json.dumps(msgspec.to_builtins(value, enc_hook=str), indent=indent).encode("ascii")


def console() -> Console:
    """A console on stdout; as wide as its text where the output is not a terminal, so that pipes see whole lines."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table without borders; the columns named in `right` are aligned to the right.

    Where nobody watches lines are whole, however long; on a terminal they are cut at its width.
    """
    if not sys.stdout.isatty():
        _print_lines(columns, rows, right)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console().print(table)


def _print_lines(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str]) -> None:
    """The table for programs and files; of ten thousand rows too at once."""
    lines = [list(columns), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = (
            " " * (width - cell_len(cell)) + cell if name in right else cell + " " * (width - cell_len(cell))
            for name, cell, width in zip(columns, line, widths, strict=True)
        )
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
