"""When a difference fails an export, and that a deployment is replaced whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.export import parity
from engine.export.deployment import staged
from engine.export.report import ExportError, ParityFigure

SPREAD = 2.0
ROUNDING = 0.5
"""What rounding does to every logit of the quantised model in these tests."""


def figure(logits: np.ndarray, noise: np.ndarray) -> ParityFigure:
    mask = np.ones(logits.shape, dtype=bool)
    mask[:, -1] = False
    noisy = logits + noise
    noisy[:, -1] += 100  # padding, which nobody reads
    rounding = np.full(2 * mask.sum(), ROUNDING)
    return parity.compare((logits, logits), (noisy, logits), mask, True, False, rounding)


@pytest.fixture
def logits() -> np.ndarray:
    return np.random.default_rng(0).normal(scale=SPREAD, size=(3, 200))


def test_figures_look_at_real_tokens_only(logits: np.ndarray) -> None:
    noise = np.zeros_like(logits)
    noise[1, 7] = 0.5
    found = figure(logits, noise)
    assert found.max_difference == pytest.approx(0.5)
    assert found.mean_difference == pytest.approx(0.5 / (2 * 3 * 199))
    assert found.spread == pytest.approx(SPREAD, rel=0.1)
    assert (found.batch, found.length) == (3, 200)


def test_a_float_model_fails_by_its_largest_difference(logits: np.ndarray) -> None:
    noise = np.zeros_like(logits)
    noise[0, 0] = 5e-5
    parity.check([figure(logits, noise)], quantised=False)
    noise[0, 0] = 5e-3
    with pytest.raises(ExportError, match=r"largest difference 0\.005 at 3x200"):
        parity.check([figure(logits, noise)], quantised=False)


def test_a_quantised_model_survives_a_flip_but_not_a_shift(logits: np.ndarray) -> None:
    noise = np.zeros_like(logits)
    noise[0, 0] = SPREAD
    parity.check([figure(logits, noise)], quantised=True)
    with pytest.raises(ExportError, match="mean difference"):
        parity.check([figure(logits, noise + 1.1 * ROUNDING)], quantised=True)
    noise[:, ::20] = 0.9 * ROUNDING
    parity.check([figure(logits, noise)], quantised=True)
    noise[:, ::20] = 1.1 * ROUNDING
    with pytest.raises(ExportError, match="99 % quantile of the difference"):
        parity.check([figure(logits, noise)], quantised=True)


@pytest.mark.parametrize("quantised", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_no_numbers_fail(logits: np.ndarray, quantised: bool, value: float) -> None:
    noise = np.zeros_like(logits)
    noise[0, 0] = value
    with pytest.raises(ExportError, match="difference inf"):
        parity.check([figure(logits, noise)], quantised)


@pytest.mark.parametrize("length", [8, 16, 24, 37, 64, 74, 128, 384, 512])
def test_checked_shapes_differ_from_the_traced_one(length: int) -> None:
    shapes = [(batch, tokens) for batch, tokens, _ in parity.check_shapes(length)]
    assert len(set(shapes)) == 3
    assert (1, parity.traced_length(length)) not in shapes
    for batch, tokens, padded in parity.check_shapes(length):
        inputs = parity.make_inputs(("input_ids", "attention_mask"), (batch, tokens), 50, padded, 0)
        assert inputs["input_ids"].shape == (batch, tokens)
        assert (inputs["attention_mask"].min() == 0) == padded


def test_a_deployment_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "deployment"
    for content in ("first", "second"):
        with staged(target) as folder:
            (folder / f"{content}.txt").write_text(content)
        assert [path.name for path in target.iterdir()] == [f"{content}.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["deployment"]
    assert target.stat().st_mode & 0o777 != 0o700


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_deployment(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "deployment"
    target.mkdir()
    (target / "model.onnx").write_text("old")
    with pytest.raises(error):
        _write_half(target, error)
    assert (target / "model.onnx").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["deployment"]


def _write_half(target: Path, error: type[BaseException]) -> None:
    with staged(target) as folder:
        (folder / "model.onnx").write_text("half")
        raise error
