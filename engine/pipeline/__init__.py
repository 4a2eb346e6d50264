"""Ask a deployment folder a question."""

from engine.pipeline.pipeline import Answer, Pipeline

__all__ = ["Answer", "Pipeline"]
