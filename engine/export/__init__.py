"""From a model folder to a deployment folder: ONNX, verification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.export.export import export_model
    from engine.export.report import ExportError, ExportReport

__all__ = ["ExportError", "ExportReport", "export_model"]


def __getattr__(name: str) -> Any:
    # On demand: the help of the command line must not wait for torch to load.
    if name == "export_model":
        from engine.export.export import export_model

        return export_model
    if name in __all__:
        from engine.export import report

        return getattr(report, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
