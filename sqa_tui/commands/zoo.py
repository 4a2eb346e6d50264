"""`sqa-tui zoo`: what can be had, and from where."""

from __future__ import annotations

import click

from engine.zoo import list_entries
from sqa_tui.commands.output import json_option, print_json, print_table
from sqa_tui.formatting import number


@click.group()
def zoo() -> None:
    """Models, recipes and teachers: built-in demo, catalogue of SparseZoo, local folders."""


@zoo.command("list")
@click.argument("words", nargs=-1)
@json_option
def list_command(words: tuple[str, ...], as_json: bool) -> None:
    """List entries; WORDS narrow the list (each must occur in the stub, architecture or source)."""
    wanted = [word.lower() for word in words]
    entries = [
        entry
        for entry in list_entries()
        if all(word in f"{entry.stub} {entry.architecture} {entry.source}".lower() for word in wanted)
    ]
    if as_json:
        print_json(entries)
        return
    print_table(
        ["stub", "layers", "sparsity", "int8", "F1", "source", "here"],
        [
            [
                entry.stub,
                str(entry.layers or ""),
                f"{entry.sparsity:g} %" if entry.sparsity is not None else "",
                "yes" if entry.quantised else "",
                number(entry.f1, 2),
                entry.source,
                ", ".join(word for word, here in (("model", entry.has_model), ("recipe", entry.has_recipe)) if here),
            ]
            for entry in entries
        ],
        right=["layers", "sparsity", "F1"],
    )
