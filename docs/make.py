"""Makes the pages that are drawn from the program itself: `make docs`.

`keys.md` from the table of actions, `cli.md` from every command's own help, `screenshots/*.svg` from the app on a
sample run. `python docs/make.py --check` writes nothing and fails where `keys.md` is out of date.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

from engine.question_answering.arguments import GROUPS
from sqa_tui.actions import ACTIONS, SCREEN_TITLES
from sqa_tui.cli import COMMANDS

DOCS = Path(__file__).parent
SUBCOMMANDS = [
    *(("zoo", name) for name in ("list", "show", "fetch", "sources")),
    *(("recipe", name) for name in ("check", "show", "preview")),
]


def keys_page() -> str:
    """Every key of the app, a table for each screen."""
    lines = ["# Keys", "", "Made by `make docs` from the table that feeds the app's bindings, help and palette.", ""]
    for screen, title in SCREEN_TITLES.items():
        rows = [action for action in ACTIONS if action.screen == screen]
        lines += [f"## {title}", "", "| key | what | |", "|---|---|---|"]
        lines += [f"| `{action.shown_key}` | {action.label} | {action.description} |" for action in rows]
        lines.append("")
    return "\n".join(lines)


def help_of(*words: str) -> str:
    """What `sqa-tui words --help` prints, 100 columns wide."""
    command = [sys.executable, "-m", "sqa_tui", *words, "--help"]
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def train_flags() -> list[str]:
    """The flags that are this project's to explain, a table for each group; the rest is transformers' own."""
    lines = ["All arguments of transformers' `TrainingArguments` are taken too; `sqa-tui train --help` lists them."]
    for group, described in GROUPS.items():
        lines += ["", f"### {group}", "", "| flag | default | |", "|---|---|---|"]
        for flag in fields(described):
            default = "–" if flag.default in (None, MISSING) else f"`{flag.default}`"
            lines.append(f"| `--{flag.name}` | {default} | {flag.metadata['help']} |")
    return [*lines, ""]


def cli_page() -> str:
    """The help of every command."""
    lines = ["# Command line", "", "Made by `make docs` from each command's own `--help`."]
    lines += ["", "Exit codes: 0 done, 1 failed, 2 bad usage or bad input.", ""]
    for words in [(), *((name,) for name in COMMANDS), *SUBCOMMANDS]:
        name = " ".join(("sqa-tui", *words))
        if words == ("train",):
            lines += [f"## `{name}`", "", *train_flags()]
            continue
        lines += [f"## `{name}`", "", "```", help_of(*words).rstrip(), "```", ""]
    return "\n".join(lines)


def main() -> int:
    if "--check" in sys.argv[1:]:
        current = (DOCS / "keys.md").read_text() == keys_page()
        if not current:
            print("docs/keys.md is out of date: make docs", file=sys.stderr)
        return 0 if current else 1
    (DOCS / "keys.md").write_text(keys_page())
    (DOCS / "cli.md").write_text(cli_page())
    from screenshots import take_screenshots

    take_screenshots(DOCS / "screenshots")
    return 0


if __name__ == "__main__":
    sys.exit(main())
