"""Subcommands that are programs of the engine: this process becomes that one and never imports anything heavy."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


def become(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by `python -m module arguments`; its exit code is ours."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


def _program(name: str, module: str, text: str) -> click.Command:
    @click.command(name, help=text, add_help_option=False, context_settings=PASS_ON)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        become(module, arguments)

    return command


export = _program("export", "engine.export", "Export a model folder to ONNX, checked against torch.")
ask = _program("ask", "engine.pipeline", "Ask an exported model a question.")
evaluate = _program("eval", "engine.question_answering.evaluate", "Exact match and F1 of a model or a prediction file.")
