"""What is known about a model folder: the run it comes from, its measured quality, the versions at work."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from engine.export.load import WEIGHT_FILES
from engine.export.report import Quality

PACKAGES = ("sqa-tui", "torch", "transformers", "onnx", "onnxruntime", "tokenizers", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that take part."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def run_of(model_path: Path) -> str | None:
    """The id of the run whose output folder this is, or one of whose checkpoints."""
    for folder in model_path.resolve().parents[:2]:
        identity = read_object(folder / "spec.json").get("id")
        if isinstance(identity, str):
            return identity
    return None


def torch_quality(model_path: Path) -> Quality | None:
    """What the evaluation at the end of training measured (`eval_results.json`)."""
    results = read_object(model_path / "eval_results.json")
    exact, f1 = (results.get(f"eval_{name}", results.get(name)) for name in ("exact_match", "f1"))
    if not isinstance(exact, int | float) or not isinstance(f1, int | float):
        return None
    samples = results.get("eval_samples")
    return Quality(exact_match=exact, f1=f1, samples=samples if isinstance(samples, int) else None)


def weight_bytes(model_path: Path) -> int:
    """Size of the checkpoint's weights on disk."""
    shards = [*model_path.glob("model-*.safetensors"), *model_path.glob("pytorch_model-*.bin")]
    whole = [model_path / name for name in WEIGHT_FILES if (model_path / name).is_file()][:1]
    return sum(path.stat().st_size for path in (shards or whole))


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
