"""The engine of sqa-tui: everything that needs no screen."""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from engine.pipeline import Pipeline as Pipeline
    from engine.question_answering.call import train as train

__all__ = ["Pipeline", "__version__", "train"]
_PLACES = {"Pipeline": "engine.pipeline", "train": "engine.question_answering.call"}


def __getattr__(name: str) -> Any:
    """``from engine import Pipeline, train`` without paying for what they load on every other import."""
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'engine' has no attribute {name!r}")
