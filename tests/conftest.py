"""Shared by all tests: an isolated home, and where measured and real data lie when they are at hand."""

from __future__ import annotations

import os
import signal
import warnings
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

# One thread is faster than a crowd for models this small, and makes sums repeatable.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Nothing a test does may reach a network.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ.pop("SPARSEZOO_API_URL", None)
# A runner in the background leaves these ignored, and every program that a test starts would inherit it.
for number, usual in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.fixture(autouse=True)
def isolated_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh SQA_HOME for every test: no test sees a user's runs and models, and none leaves any behind."""
    home = tmp_path_factory.mktemp("sqa-home")
    monkeypatch.setenv("SQA_HOME", str(home))
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "hub"))
    return home


def _folder(variable: str, name: str) -> Path:
    folder = Path(os.environ.get(variable, REPOSITORY.parent / "shared" / name))
    if not folder.is_dir():
        reason = f"{folder} is missing: set {variable} to the folder to run these tests"
        warnings.warn(reason, stacklevel=2)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Values measured on the original (SQA_GOLDEN_DIR); tests that need them are skipped, loudly, without."""
    return _folder("SQA_GOLDEN_DIR", "golden")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Question-answering sets and BERT's vocabulary (SQA_DATA_DIR); skipped, loudly, without."""
    return _folder("SQA_DATA_DIR", "data")
