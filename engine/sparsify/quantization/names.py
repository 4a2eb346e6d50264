"""Names in checkpoints written by SparseML, turned into the names used here."""

from __future__ import annotations

import re

FOREIGN = re.compile(r"\.(quant|module|input_quant_stubs|output_quant_stubs|activation_post_process)\.|_wrap\.")

_RENAMES = [
    (re.compile(r"\.input_quant_stubs\.(\d)\.activation_post_process\."), r".input\1_fake_quant."),
    (re.compile(r"\.output_quant_stubs\.0\.activation_post_process\."), ".output_fake_quant."),
    (re.compile(r"\.quant\.activation_post_process\."), ".input_fake_quant."),
    (re.compile(r"\.module\.(weight_fake_quant|activation_post_process)\."), r".\1."),
    (re.compile(r"\.module\.(weight|bias)$"), r".\1"),
    (re.compile(r"_fake_quant\.activation_post_process\."), "_fake_quant."),
    (re.compile(r"\.activation_post_process\.activation_post_process\."), ".output_fake_quant."),
    (re.compile(r"\.activation_post_process\."), ".output_fake_quant."),
]


def own_name(name: str) -> str:
    """The name of a weight or of a quantizer's state as this engine writes it; own names stay as they are."""
    if FOREIGN.search(name):
        for pattern, replacement in _RENAMES:
            name = pattern.sub(replacement, name)
    return name


def is_quantization_state(name: str) -> bool:
    """Whether `name` (own or foreign) belongs to a fake quantizer rather than to a weight."""
    return "_fake_quant." in own_name(name)
