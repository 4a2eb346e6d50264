"""Names and shades of layers."""

from __future__ import annotations

import pytest

from sqa_tui.widgets.layers_pane import shade, short_name


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("bert.encoder.layer.3.attention.self.query.weight", " 3 query"),
        ("bert.encoder.layer.11.attention.output.dense.weight", "11 attention out"),
        ("bert.encoder.layer.0.intermediate.dense.weight", " 0 intermediate"),
        ("bert.encoder.layer.0.output.dense.weight", " 0 output"),
        ("distilbert.transformer.layer.2.ffn.lin1.weight", " 2 ffn.lin1"),
        ("distilbert.transformer.layer.2.attention.q_lin.weight", " 2 q"),
        ("bert.embeddings.word_embeddings.weight", "word_embeddings"),
        ("qa_outputs.weight", "qa_outputs"),
    ],
)
def test_names_are_short_and_tell_layers_apart(name: str, short: str) -> None:
    assert short_name(name) == short


def test_shades_grow_with_sparsity() -> None:
    assert [shade(value) for value in (0.0, 0.25, 0.5, 0.75, 1.0, 2.0)] == ["·", "░", "▒", "▓", "█", "█"]
