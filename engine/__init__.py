"""The engine of sqa-tui: everything that needs no screen."""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from engine.pipeline import Pipeline as Pipeline

__all__ = ["Pipeline", "__version__"]


def __getattr__(name: str) -> Any:
    """``from engine import Pipeline`` without paying for ONNX Runtime on every other import."""
    if name == "Pipeline":
        return importlib.import_module("engine.pipeline").Pipeline
    raise AttributeError(f"module 'engine' has no attribute {name!r}")
