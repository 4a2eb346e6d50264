"""Pruning in one step: what goes through the layers decides which weights go."""
