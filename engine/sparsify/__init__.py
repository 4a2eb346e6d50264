"""Modifiers at work on a model: masks, pruning, quantization, distillation."""
