"""The list of transformers' training arguments is that of the transformers it was made from."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from engine.question_answering.trainer_flags import VERSION

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(
    version("transformers") != VERSION, reason=f"the list is of transformers {VERSION}: docs/make_flags.py"
)
def test_the_list_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, str(REPOSITORY / "docs" / "make_flags.py"), "--check"], timeout=60)
    assert done.returncode == 0, "run: python docs/make_flags.py"
