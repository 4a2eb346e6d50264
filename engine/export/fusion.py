"""Can ONNX Runtime fuse the attention of an exported model?"""

from __future__ import annotations

from pathlib import Path


def fused_attentions(path: Path, *, heads: int, hidden_size: int) -> int:
    """How many attention layers ONNX Runtime's transformer optimizer recognises in the file, which stays as it is."""
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    options = FusionOptions("bert")
    fused = optimizer.optimize_model(
        str(path), "bert", num_heads=heads, hidden_size=hidden_size, optimization_options=options, opt_level=0
    )
    return int(fused.get_fused_operator_statistics().get("Attention", 0))
