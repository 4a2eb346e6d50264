"""`sqa-tui zoo`: what can be had, from where, and how to get it."""

from __future__ import annotations

import math
from typing import Any, get_args

import click

from engine.errors import plain
from engine.zoo import Entry, Part, list_entries
from engine.zoo.card import show as card_of
from engine.zoo.filters import Query, select
from engine.zoo.sources import probe_all, search_all, sources
from sqa_tui.commands.output import json_option, print_json, print_table
from sqa_tui.commands.zoo_card import print_card
from sqa_tui.commands.zoo_fetch import fetch_shown
from sqa_tui.formatting import number

SOURCES = click.Choice([source.name for source in sources()])
TASKS = {"qa": "question_answering", "mlm": "masked_language_modeling"}


class Percent(click.FloatRange):
    """A number from 0 to 100; ``nan`` is between no bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{plain(str(value))} is no number", param, ctx)
        return number


PERCENT = Percent(0, 100)


@click.group(invoke_without_command=True)
@click.pass_context
def zoo(context: click.Context) -> None:
    """Models, recipes and teachers: built-in demo, catalogue of SparseZoo, folders here, the Hugging Face hub."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@zoo.command("list")
@click.argument("words", nargs=-1)
@click.option("--architecture", default="", help="Its beginning, as in bert or bert-large.")
@click.option("--layers", type=click.IntRange(min=1), help="Encoder layers.")
@click.option("--min-sparsity", type=PERCENT, help="Percent of zeros at least.")
@click.option("--max-sparsity", type=PERCENT, help="Percent of zeros at most.")
@click.option("--quantised/--float", default=None, help="Only int8 models, or none.")
@click.option("--recipe/--no-recipe", default=None, help="Only entries whose recipe is here, or none.")
@click.option("--teacher/--no-teacher", default=None, help="Only models here that are fit to be teachers, or none.")
@click.option("--local/--not-local", default=None, help="Only entries with files on this machine, or none.")
@click.option("--source", type=SOURCES, help="Only entries that one source lists or has files of.")
@click.option("--task", type=click.Choice(list(TASKS)), help="Question answering, or backbones.")
@click.option("--online", is_flag=True, help="Ask the hub (and a SparseZoo server) for WORDS; uses the network.")
@click.option("--limit", default=50, type=click.IntRange(1, 1000), help="With --online: entries of each source.")
@json_option
def list_command(words: tuple[str, ...], online: bool, limit: int, as_json: bool, **wanted: Any) -> None:
    """List entries; WORDS narrow the list (each must occur in stub, title, architecture, data set or source)."""
    wanted["task"] = TASKS.get(wanted["task"], "")
    source = wanted.pop("source") or ""
    text = " ".join(words)
    if online:
        entries = select(_search(text, source or None, limit), Query(**wanted))
    else:
        entries = select(list_entries(), Query(words=text, source=source, **wanted))
    if not entries:
        click.echo("no entry fits", err=True)
    if as_json:
        print_json(entries)
    elif entries:
        _print_entries(entries)


def _search(words: str, source: str | None, limit: int) -> list[Entry]:
    """What the sources answer; on stderr which could not be asked, and why."""
    found = search_all(words, source, limit)
    if found.refused:
        reasons = "; ".join(f"{name}: {error}" for name, error in found.refused.items())
        click.echo(f"not asked: {plain(reasons)}", err=True)
    return found.entries


def _print_entries(entries: list[Entry]) -> None:
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
                _here(entry),
            ]
            for entry in entries
        ],
        right=["layers", "sparsity", "F1"],
        above="stub",
    )


def _here(entry: Entry) -> str:
    """What of an entry is on this machine; other files are an export, or a model that lacks something."""
    words = [word for word, there in (("model", entry.has_model), ("recipe", entry.has_recipe)) if there]
    return ", ".join(words) or ("other files" if entry.path is not None else "")


@zoo.command("show")
@click.argument("stub")
@click.option("--online", is_flag=True, help="Ask for the files of an entry that is not here; uses the network.")
@json_option
def show_command(stub: str, online: bool, as_json: bool) -> None:
    """Everything known of STUB (a stub, a hub name or a folder) with sources, and what to do with it or instead."""
    card = card_of(stub, online=online)
    print_json(card) if as_json else print_card(card)


@zoo.command("fetch")
@click.argument("stubs", nargs=-1, required=True)
@click.option("--part", type=click.Choice(get_args(Part)), default="model", help="What of it.", show_default=True)
@click.option("--recipe_type", "--recipe-type", help="The recipe that must be there; only recipes are fetched then.")
@click.option("--source", type=SOURCES, help="Where from (stubs: SparseZoo, names: hub); what is here comes again.")
@json_option
def fetch_command(
    stubs: tuple[str, ...], part: Part, recipe_type: str | None, source: str | None, as_json: bool
) -> int:
    """Download STUBS (stubs or hub names), several at once; what is here already is only said.

    Ctrl-C leaves nothing behind; a download that broke off goes on where it was when it is asked for again.
    """
    if recipe_type is not None:
        part = "recipe"
        stubs = tuple(f"{stub}?recipe_type={recipe_type}" for stub in stubs)
    return fetch_shown(stubs, part, source, as_json=as_json)


@zoo.command("sources")
@click.option("--offline", is_flag=True, help="Do not ask anybody; tell what is known.")
@json_option
def sources_command(offline: bool, as_json: bool) -> None:
    """Where entries come from: whether each source can be used now, and if not why."""
    states = [(source, source.state()) for source in sources()] if offline else probe_all()
    if as_json:
        print_json(
            [
                {"name": source.name, "title": source.title, "state": state.word, "reason": state.reason}
                for source, state in states
            ]
        )
        return
    print_table(
        ["source", "state", "what it is", "reason"],
        [[source.name, state.word, source.title, plain(state.reason)] for source, state in states],
        fold=["what it is", "reason"],
    )
