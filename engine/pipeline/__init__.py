"""Ask a deployment folder a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.pipeline.pipeline import Answer, Pipeline

__all__ = ["Answer", "Pipeline"]


def __getattr__(name: str) -> Any:
    # On demand: the help of the command line must not wait for a runtime to load.
    if name in __all__:
        from engine.pipeline import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
