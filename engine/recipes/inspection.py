"""What a recipe does to a certain model: asked of a program of the engine, so that no torch is imported here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from engine.errors import EXIT_USAGE, UserError, plain
from engine.recipes.problems import Problem
from engine.recipes.recipe import Recipe

PROGRAM = "engine.sparsify.inspection"
MOST_SECONDS = 600
"""So long the program may take: reading the zeros of a large model from a slow disk takes minutes."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the program is asked, as JSON on its standard input; without `text` only the model is looked at."""

    text: str = ""
    name: str = "recipe"
    recipe_args: str | None = None
    steps_per_epoch: int | None = None
    epochs: float | None = None


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """One member of `params`, `layers` or `submodules` and how much of the model it names."""

    text: str
    parameters: int
    weights: int


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter a modifier acts on; `zeros` of the weights as they are, None where they are not known."""

    name: str
    shape: tuple[int, ...]
    zeros: int | None = None


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters one modifier (`index` in running order) acts on.

    `first` and `target`: the shares of zeros at its first update and when the run is over, None where it sets none.
    `held`: what is zero stays zero until the run is over. `together`: one threshold for all of them. A modifier with
    several targets has a selection for each.
    """

    index: int
    modifier: str
    line: int
    column: int = 0
    patterns: tuple[Pattern, ...]
    parameters: tuple[Selected, ...]
    weights: int
    zeros: int | None = None
    together: bool = False
    first: float | None = None
    target: float | None = None
    held: bool = False

    @property
    def sparsity(self) -> float | None:
        """The share of zeros now."""
        return None if self.zeros is None else self.zeros / max(self.weights, 1)

    @property
    def left(self) -> float | None:
        """The share of zeros that this modifier leaves when the run is over; None where it leaves none or that is not
        known."""
        return self.sparsity if self.held else self.target


class Quantized(msgspec.Struct, frozen=True, kw_only=True):
    """One module with fake quantizers when the run is over, and which tensors they are for."""

    name: str
    kind: str
    tensors: tuple[str, ...]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said: `level` is error (a run would be refused) or warning; `line` and `column` are 0 where it
    has no place, `length` where it is not known how many characters to mark there."""

    level: str
    line: int
    message: str
    suggestion: str = ""
    column: int = 0
    length: int = 0

    def problem(self, recipe: Recipe) -> Problem:
        """The same as advice on `recipe`."""
        return Problem(recipe.source, self.line, self.column, self.message, self.suggestion, self.length)


class Zeros(msgspec.Struct, frozen=True, kw_only=True):
    """Weights and zeros of a part of the model; `now` is None where there are no weights, `then` where it depends on
    them."""

    weights: int
    now: int | None = None
    then: int | None = None


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """A model, and what the recipe does to it.

    `pruned`, `prunable` and `overall` are the parameters some pruning modifier acts on, the weights of linear,
    embedding and convolution layers, and all; `then` counts what the recipe leaves when the run is over. `dropped`
    are the parameters in layers that are taken out.
    """

    model: str
    architecture: str
    model_recipe: bool
    has_weights: bool
    pruned: Zeros
    prunable: Zeros
    overall: Zeros
    dropped: int
    selections: tuple[Selection, ...] = ()
    quantized: tuple[Quantized, ...] = ()
    findings: tuple[Finding, ...] = ()


def inspection_command(model: str) -> list[str]:
    """The program that looks at a model folder or hub id, as a child of this process that does not outlive it."""
    return [sys.executable, "-m", PROGRAM, "--parent", str(os.getpid()), "--", model]


def inspect_model(
    model: str,
    recipe: Recipe | None = None,
    *,
    recipe_args: str | None = None,
    steps_per_epoch: int | None = None,
    epochs: float | None = None,
    command: Sequence[str] | None = None,
) -> Inspection:
    """What `recipe` (loaded with `recipe_args`) does to a model folder or hub id.

    Takes some seconds, most of them for imports in a process of its own; memory does not grow with the model. Raises
    `UserError` for what is no question-answering model or cannot be read.
    """
    request = Request(recipe_args=recipe_args, steps_per_epoch=steps_per_epoch, epochs=epochs)
    if recipe is not None:
        request = msgspec.structs.replace(request, text=recipe.text, name=recipe.source)
    try:
        done = subprocess.run(
            command or inspection_command(model),
            input=msgspec.json.encode(request),
            capture_output=True,
            timeout=MOST_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"looking at {plain(model)} took too long", "check the disk it lies on") from None
    return answer(done.returncode, done.stdout, done.stderr)


def answer(returncode: int, out: bytes, err: bytes) -> Inspection:
    """What the program said. Raises `UserError` for input that it refused, RuntimeError where it failed."""
    if not returncode:
        return msgspec.json.decode(out, type=Inspection)
    said = [line for line in err.decode(errors="replace").splitlines() if line.strip()]
    last = plain(said[-1] if said else f"it ended with code {returncode}").removeprefix("error: ")
    raise UserError(last) if returncode == EXIT_USAGE else RuntimeError(f"{PROGRAM}: {last}")
