"""Scores to masks: pure tensor functions, one module for each family of mask types."""

from __future__ import annotations

from engine.sparsify.masks.create import MaskType, create_masks
from engine.sparsify.masks.magnitudes import Magnitudes

__all__ = ["Magnitudes", "MaskType", "create_masks"]
