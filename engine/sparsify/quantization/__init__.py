"""Quantization-aware training: fake quantizers, the layers that carry them and where they go."""
