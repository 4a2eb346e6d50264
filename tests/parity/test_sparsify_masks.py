"""Masks against those measured on the original."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engine.sparsify.masks import create_masks

GOLDEN = Path(os.environ.get("SQA_GOLDEN_DIR", Path(__file__).parents[3] / "shared" / "golden"))
if not (GOLDEN / "masks.json").is_file():
    pytest.skip(f"no golden data in {GOLDEN} (SQA_GOLDEN_DIR names the folder)", allow_module_level=True)

CASES: list[dict[str, Any]] = json.loads((GOLDEN / "masks.json").read_text())["cases"]
TENSORS = load_file(GOLDEN / "masks.safetensors")


def _made(case: dict[str, Any]) -> list[torch.Tensor]:
    scores = [TENSORS[f"{case['id']}.{index}"] for index in range(len(case["shapes"]))]
    return create_masks(
        case["mask_type"], scores, case["sparsity"], one_threshold=case["global"], groups=case.get("groups", ())
    )


def _text(mask: torch.Tensor) -> str:
    return "".join("1" if kept else "0" for kept in mask.reshape(-1).tolist())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_mask_equals_the_original(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(ValueError):  # noqa: PT011 - the original's texts are its own
            _made(case)
        return
    masks = _made(case)
    if case.get("defect"):  # the original hands back four-dimensional masks with dim 1 moved last
        masks = [mask.permute(0, 2, 3, 1) for mask in masks]
    assert [_text(mask) for mask in masks] == case["masks"]
