"""One entry for all mask types."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch

from engine.sparsify.masks.blocks import Expand, group_blocks, group_runs_of_four
from engine.sparsify.masks.ratio import keep_n_of_m
from engine.sparsify.masks.structured import prune_group
from engine.sparsify.masks.unstructured import prune_lowest, prune_lowest_globally

MaskType = str | Sequence[int]
DIMENSIONS = {"filter": 0, "channel": 1}
RATIO = re.compile(r"(\d+):(\d+)")


def create_masks(
    mask_type: MaskType,
    scores: Sequence[torch.Tensor],
    sparsity: float | Sequence[float],
    *,
    one_threshold: bool = False,
    groups: Sequence[Sequence[int]] = (),
) -> list[torch.Tensor]:
    """Boolean masks (True: kept), one for each tensor of `scores`, in its shape.

    `mask_type`: ``unstructured``, ``block4``, ``[a, b]``, ``N:M``, ``tensorrt`` (2:4), ``filter`` or ``channel``.
    `sparsity`: one target, or one for each tensor. `one_threshold`: the tensors compete with each other.
    `groups`: indices of tensors that are pruned together (filter and channel only).
    Raises ValueError for unknown types, shapes that do not fit and unequal targets under one threshold.
    """
    targets = _targets(sparsity, len(scores))
    if isinstance(mask_type, str) and mask_type in DIMENSIONS:
        return _structured(DIMENSIONS[mask_type], scores, targets, one_threshold, groups)
    ratio = parse_ratio(mask_type)
    if ratio is not None:
        return [keep_n_of_m(score, *ratio, target) for score, target in zip(scores, targets, strict=True)]
    if not one_threshold:
        return [_mask(mask_type, score, target) for score, target in zip(scores, targets, strict=True)]
    if len(set(targets)) > 1:
        raise ValueError("one threshold for all tensors needs one target for all")
    return _masks_of_all(mask_type, scores, targets[0]) if targets else []


def check_mask(mask_type: MaskType, shape: Sequence[int], sparsity: float) -> None:
    """Raise ValueError where masks of a type cannot be made for a shape and a target above 0."""
    probe = torch.empty(tuple(shape), device="meta")
    ratio = parse_ratio(mask_type)
    if ratio is not None:
        keep_n_of_m(probe, *ratio, sparsity)
    elif not (isinstance(mask_type, str) and mask_type in DIMENSIONS):
        _group(mask_type, probe)


def _mask(mask_type: MaskType, score: torch.Tensor, target: float) -> torch.Tensor:
    values, expand = _group(mask_type, score)
    return expand(prune_lowest(values, target))


def _masks_of_all(mask_type: MaskType, scores: Sequence[torch.Tensor], target: float) -> list[torch.Tensor]:
    grouped = [_group(mask_type, score) for score in scores]
    masks = prune_lowest_globally([values for values, _ in grouped], target)
    return [expand(mask) for (_, expand), mask in zip(grouped, masks, strict=True)]


def _group(mask_type: MaskType, score: torch.Tensor) -> tuple[torch.Tensor, Expand]:
    if mask_type == "unstructured":
        return score, lambda mask: mask
    if mask_type == "block4":
        return group_runs_of_four(score)
    if not isinstance(mask_type, str):
        return group_blocks(score, mask_type)
    raise ValueError(f"unknown mask type {mask_type!r}")


def parse_ratio(mask_type: MaskType) -> tuple[int, int] | None:
    """N and M of a mask type N:M; None for others."""
    if not isinstance(mask_type, str):
        return None
    found = RATIO.fullmatch("2:4" if mask_type == "tensorrt" else mask_type)
    return (int(found[1]), int(found[2])) if found else None


def _structured(
    dimension: int,
    scores: Sequence[torch.Tensor],
    targets: list[float],
    one_threshold: bool,
    groups: Sequence[Sequence[int]],
) -> list[torch.Tensor]:
    if one_threshold:
        raise ValueError("filter and channel masks have no threshold over all tensors")
    grouped = {index for group in groups for index in group}
    alone = [[index] for index in range(len(scores)) if index not in grouped]
    masks: dict[int, torch.Tensor] = {}
    for group in [*groups, *alone]:
        made = prune_group([scores[index] for index in group], targets[group[0]], dimension)
        masks.update(zip(group, made, strict=True))
    return [masks[index] for index in range(len(scores))]


def _targets(sparsity: float | Sequence[float], count: int) -> list[float]:
    targets = [float(sparsity)] * count if isinstance(sparsity, int | float) else [float(value) for value in sparsity]
    if len(targets) != count:
        raise ValueError(f"{len(targets)} targets for {count} tensors")
    return targets
