"""The pages that are made from the program say what the program does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from sqa_tui.cli import COMMANDS

REPOSITORY = Path(__file__).resolve().parents[2]


def test_keys_page_is_the_table_of_actions() -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "docs" / "make.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_readme_begins_with_the_two_commands() -> None:
    commands = re.findall(r"^make \w+", (REPOSITORY / "README.md").read_text(), flags=re.MULTILINE)
    assert commands[:2] == ["make run", "make test"]


def test_readme_names_commands_and_files_that_exist() -> None:
    text = (REPOSITORY / "README.md").read_text()
    for name in re.findall(r"sqa-tui ([a-z]+)\b", text):
        assert name in COMMANDS, name
    for path in re.findall(r"\]\((docs/[^)]+)\)", text):
        assert (REPOSITORY / path).exists(), path
