"""The import contracts, proven on a running interpreter: what is loaded, not what is written."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ["torch", "transformers", "datasets", "onnx", "onnxruntime", "numpy"]
PROGRAM = """
import importlib, json, pkgutil, sys
for name in {packages!r}:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def loaded_by(*packages: str) -> set[str]:
    """Top-level modules in a fresh interpreter after every module of `packages` was imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(packages=packages)], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("sqa_tui", HEAVY),
        ("engine.runs", [*HEAVY, "textual", "sqa_tui"]),
        ("engine.zoo", [*HEAVY, "textual", "sqa_tui"]),
        ("engine.recipes", [*HEAVY, "textual", "sqa_tui"]),
        ("engine.pipeline", ["torch", "transformers", "datasets", "textual", "sqa_tui"]),
        ("engine.sparsify", ["textual", "sqa_tui"]),
    ],
)
def test_package_loads_nothing_it_must_not(package: str, forbidden: list[str]) -> None:
    loaded = loaded_by(package)
    assert package.partition(".")[0] in loaded
    assert sorted(loaded & set(forbidden)) == []


def test_the_probe_sees_what_is_loaded() -> None:
    """The check above can fail: a package that does import numpy is seen to."""
    assert "numpy" in loaded_by("engine.pipeline")
