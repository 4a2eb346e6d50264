"""Which weights of a matrix go, by scores: masks (True: kept)."""

from __future__ import annotations

from itertools import pairwise

import torch

from engine.errors import UserError
from engine.recipes.modifiers.sparsity import MaskType
from engine.sparsify.masks.blocks import RUN, group_runs_of_four
from engine.sparsify.masks.create import parse_ratio
from engine.sparsify.masks.ratio import keep_n_of_m
from engine.sparsify.masks.unstructured import prune_lowest


def check_columns(mask_type: MaskType, columns: int) -> None:
    """Raise `UserError` where the groups of a mask N:M would run over the end of a row of `columns` weights."""
    ratio = parse_ratio(mask_type)
    if ratio is not None and columns % ratio[1]:
        raise UserError(
            f"rows of {columns} weights do not divide into groups of {ratio[1]}", "change mask_type or params"
        )


def group_width(mask_type: MaskType) -> int:
    """How many neighbours in a row are decided on together."""
    ratio = parse_ratio(mask_type)
    return ratio[1] if ratio is not None else RUN if mask_type == "block4" else 1


def lowest_of_all(scores: torch.Tensor, mask_type: MaskType, pruned: int, sparsity: float) -> torch.Tensor:
    """The mask of a part of a matrix, `scores` [rows, columns], in which all weights compete.

    `pruned` is how many go, or of ``block4`` how many runs; a mask N:M prunes its share of every group.
    """
    ratio = parse_ratio(mask_type)
    if ratio is not None:
        return keep_n_of_m(scores.contiguous(), *ratio, sparsity)
    if mask_type == "block4":
        means, expand = group_runs_of_four(scores)
        return expand(prune_lowest(means, pruned / len(means)))
    return prune_lowest(scores, pruned / scores.numel())


def lowest_of_rows(scores: torch.Tensor, mask_type: MaskType, sparsity: float) -> torch.Tensor:
    """The mask of a matrix, `scores` [rows, columns], in which every row loses its own lowest.

    Where a row's share is no whole number, some rows lose one more than others, so that the sum is right.
    """
    ratio = parse_ratio(mask_type)
    if ratio is not None:
        return keep_n_of_m(scores.contiguous(), *ratio, sparsity)
    if mask_type == "block4":
        means, expand = group_runs_of_four(scores)
        return expand(_lowest_of_rows(means.view(len(scores), -1), sparsity).reshape(-1))
    return _lowest_of_rows(scores, sparsity)


def _lowest_of_rows(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    rows, columns = scores.shape
    until = [round(number * columns * sparsity) for number in range(rows + 1)]
    pruned = torch.tensor([last - first for first, last in pairwise(until)], device=scores.device)
    ranks = torch.arange(columns, device=scores.device).expand(rows, columns)
    order = scores.argsort(dim=1, stable=True)
    return torch.empty_like(scores, dtype=torch.bool).scatter_(1, order, ranks >= pruned.unsqueeze(1))
