"""How the commands about recipes say what is wrong: a line for each problem."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import click

from engine.errors import EXIT_USAGE, plain
from engine.recipes.problems import Problem, RecipeError
from sqa_tui.commands.output import print_json

ORDER = ("note", "warning", "error")


@dataclass(frozen=True)
class Said:
    """A problem and how bad it is: error (a run would be refused), warning (perhaps not meant) or note."""

    level: str
    problem: Problem


def refuse(source: str, error: RecipeError, as_json: bool) -> int:
    """Say what is wrong with a recipe that cannot be read: all its problems. Returns the exit code."""
    found = [Said("error", problem) for problem in error.problems] + [Said("warning", note) for note in error.notes]
    if as_json:
        print_json({"source": source, "problems": plain_problems(found)})
    else:
        print_problems(found)
    return EXIT_USAGE


def print_problems(found: Iterable[Said]) -> None:
    """On stderr, a line for each, the worst last: that is what stays in sight."""
    for said in sorted(found, key=lambda said: ORDER.index(said.level)):
        click.echo(f"{said.level}: {problem_line(said.problem)}", err=True)


def problem_line(problem: Problem) -> str:
    """A problem in one line, safe for a terminal."""
    return plain(str(problem))


def plain_problems(found: Iterable[Said]) -> list[dict[str, object]]:
    """The same for programs; what has no place in the text has neither line nor column."""
    return [
        {
            "level": said.level,
            "line": said.problem.line or None,
            "column": said.problem.column or None,
            "message": said.problem.message,
            "suggestion": said.problem.suggestion,
        }
        for said in found
    ]
