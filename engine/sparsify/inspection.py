"""`python -m engine.sparsify.inspection MODEL`: what a recipe does to a model, without its weights in memory.

Reads a `Request` as JSON from the standard input and prints an `Inspection` as JSON. The model is built on the meta
device in the structure that its own recipe gave it.
"""

from __future__ import annotations

import argparse
import sys

import msgspec

from engine.command_line import Parser
from engine.errors import UserError, run_program
from engine.orphans import die_with
from engine.recipes import parse_recipe
from engine.recipes.inspection import Request


def main(arguments: list[str] | None = None) -> int:
    """Run the program; the exit code is 2 for bad input."""
    parser = Parser(prog="python -m engine.sparsify.inspection", description="What a recipe does to a model.")
    parser.add_argument("model", help="a model folder or hub id")
    parser.add_argument("--parent", type=int, help="the process that asks; this one ends with it")
    return run_program(lambda: _program(parser.parse_args(arguments)))


def _program(given: argparse.Namespace) -> int:
    if given.parent is not None:
        die_with(given.parent)
    try:
        request = msgspec.json.decode(sys.stdin.buffer.read() or b"{}", type=Request)
    except msgspec.DecodeError as error:
        raise UserError(f"the request is not understood: {error}", "send a JSON object") from None
    recipe = parse_recipe(request.text, name=request.name, recipe_args=request.recipe_args) if request.text else None
    # Loaded here so that --help and a wrong recipe are answered at once.
    from engine.sparsify.inspector import inspect

    found = inspect(given.model, recipe, steps_per_epoch=request.steps_per_epoch, epochs=request.epochs)
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
