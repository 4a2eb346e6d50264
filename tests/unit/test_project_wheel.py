"""The wheel, installed alone: the program starts, and the themes and the demo zoo came along."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from this checkout without a network."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(REPOSITORY)]
    subprocess.run(command, check=True, capture_output=True)
    return next(target.glob("*.whl"))


def test_wheel_holds_what_the_checkout_has(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    themes = {f"sqa_tui/themes/{path.name}" for path in (REPOSITORY / "themes").glob("*.toml")}
    stylesheets = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "sqa_tui").rglob("*.tcss")}
    demo = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "engine" / "zoo").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert themes
    assert stylesheets
    assert any(name.endswith(".safetensors") for name in demo)
    assert themes | stylesheets | demo <= names


def test_installed_program_starts(wheel: Path, tmp_path: Path) -> None:
    """In a clean environment with the wheel and the dependencies of this one, away from the checkout."""
    venv.create(tmp_path / "clean", with_pip=False)
    python = tmp_path / "clean" / "bin" / "python"
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)],
        check=True,
    )
    # The dependencies are borrowed from the running environment, appended after the clean one; an editable install of
    # the checkout there is a .pth file of its own, which a plain path entry does not follow.
    borrowed = next(path for path in sys.path if path.endswith("site-packages"))
    (Path(purelib) / "borrowed.pth").write_text(borrowed + "\n")
    environment = {**os.environ, "SQA_HOME": str(tmp_path / "home")}
    run = {"check": True, "capture_output": True, "text": True, "cwd": tmp_path, "env": environment}
    program = tmp_path / "clean" / "bin" / "sqa-tui"
    version = subprocess.run([program, "--version"], **run)
    where = subprocess.run([python, "-c", "import sqa_tui; print(sqa_tui.__file__)"], **run)
    listing = subprocess.run([program, "zoo", "list"], **run)
    assert version.stdout.startswith("sqa-tui, version ")
    assert where.stdout.startswith(str(tmp_path))
    assert "bert-demo/pytorch/huggingface/facts/base-none" in listing.stdout
