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


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    fold: Sequence[str] = (),
    above: str = "",
) -> None:
    """A table without borders.

    Where nobody watches lines are whole, however long; on a terminal they are cut at its width, or wrapped in it.

    Args:
        columns: Titles.
        rows: Cells in their order.
        right: Columns that are aligned to the right.
        fold: Columns that are wrapped where the terminal is narrow; then no other one is cut.
        above: The column whose cells get lines of their own, whole, where the table is wider than the terminal.
    """
    lines = [list(columns), *([plain(cell) for cell in row] for row in rows)]
    if not sys.stdout.isatty():
        _print_lines(lines, right)
    elif above and max(map(cell_len, _aligned(lines, right))) > console().width:
        _print_stacked(lines, right, list(columns).index(above))
    else:
        console().print(_table(lines, right, fold))


def _table(lines: Sequence[Sequence[str]], right: Sequence[str], fold: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name, *cells in zip(*lines, strict=True):
        least = None if not fold or name in fold else max(map(cell_len, (name, *cells)))
        justify = "right" if name in right else "left"
        table.add_column(
            name,
            justify=justify,
            no_wrap=name not in fold,
            overflow="fold" if name in fold else "ellipsis",
            min_width=least,
        )
    for row in lines[1:]:
        table.add_row(*map(Text, row))
    return table


def _print_lines(lines: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    """The table for programs and files; of ten thousand rows too at once."""
    sys.stdout.writelines(f"{line}\n" for line in _aligned(lines, right))


def _print_stacked(lines: Sequence[Sequence[str]], right: Sequence[str], place: int) -> None:
    """Each row as its cell at `place`, for the terminal to wrap, above a line of the other ones."""
    others = _aligned([[*line[:place], *line[place + 1 :]] for line in lines], right)
    sys.stdout.writelines(f"{line[place]}\n  {other}\n" for line, other in zip(lines, others, strict=True))


def _aligned(lines: Sequence[Sequence[str]], right: Sequence[str]) -> list[str]:
    """Lines whose columns have the widths of their longest cells; the first line has the titles."""
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    aligned: list[str] = []
    for line in lines:
        cells = (
            " " * (width - cell_len(cell)) + cell if name in right else cell + " " * (width - cell_len(cell))
            for name, cell, width in zip(lines[0], line, widths, strict=True)
        )
        aligned.append("  ".join(cells).rstrip())
    return aligned
