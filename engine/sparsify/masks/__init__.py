"""Scores to masks: pure tensor functions, one module for each family of mask types."""

from __future__ import annotations

from engine.sparsify.masks.create import MaskType, create_masks

__all__ = ["MaskType", "create_masks"]
