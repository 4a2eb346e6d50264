"""The command line: one program, `sqa-tui`; without arguments it opens the app.

Exit codes: 0 done, 1 failed, 2 bad usage or bad input.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from engine import __version__
from engine.errors import EXIT_USAGE, plain, run_program

# Subcommand → (module, attribute, one line for the overview). Modules are imported when their command runs.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "train": ("train", "train", "Train, sparsify and evaluate; SparseML's flags"),
    "export": ("engine_programs", "export", "Export a model folder to ONNX, checked against torch"),
    "ask": ("engine_programs", "ask", "Ask an exported model a question"),
    "eval": ("engine_programs", "evaluate", "Exact match and F1 of a model or of a prediction file"),
    "runs": ("runs", "runs", "List all runs"),
    "status": ("runs", "status", "One run: state, evidence, latest figures"),
    "log": ("logs", "log", "What a run printed"),
    "metrics": ("logs", "metrics", "A run's metrics: a table, JSON lines or CSV"),
    "attach": ("follow", "attach", "Follow a run until it ends; Ctrl-C leaves it running"),
    "stop": ("steer", "stop", "Stop a run after a checkpoint"),
    "pause": ("steer", "pause", "Let a run wait at its next step"),
    "resume": ("steer", "resume", "Let a paused run go on, or start a stopped one from its last checkpoint"),
    "checkpoint": ("steer", "checkpoint", "Let a run write a checkpoint now"),
    "zoo": ("zoo", "zoo", "Models, recipes and teachers that can be had"),
    "recipe": ("recipe", "recipe", "Check a recipe and see what it will do"),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand only when it is asked for, so that `--version` costs no more than itself."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        return getattr(importlib.import_module(f"sqa_tui.commands.{module}"), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sqa-tui")
@click.pass_context
def program(context: click.Context) -> None:
    """Manage sparsification runs of question-answering transformers; without a command, on a screen."""
    if context.invoked_subcommand is None:
        from sqa_tui.app import run_app

        run_app()


def _run(command: click.Command, arguments: Sequence[str] | None, name: str) -> int:
    def body() -> int:
        try:
            result = command.main(args=arguments, prog_name=name, standalone_mode=False)
        except click.exceptions.Abort:
            raise KeyboardInterrupt from None
        except click.ClickException as error:
            usage = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else name
            click.echo(f"error: {plain(error.format_message())} ({usage} --help lists what there is)", err=True)
            return EXIT_USAGE
        return result if isinstance(result, int) else 0

    return run_program(body)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `sqa-tui`; returns the exit code."""
    return _run(program, arguments, "sqa-tui")


def train_main() -> int:
    """Entry point of `sqa.transformers.question_answering`: `sqa-tui train` under SparseML's name."""
    return main(["train", *sys.argv[1:]])


def export_main() -> int:
    """Entry point of `sqa.transformers.export_onnx`: `sqa-tui export` under SparseML's name."""
    return main(["export", *sys.argv[1:]])
