"""The loss of knowledge distillation (Hinton et al. 2015)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from engine.errors import UserError, plain


def divergence(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """KL(teacher ‖ student) of the softened distributions over the last dimension, summed over it, averaged over the
    others and multiplied by temperature². Logits of equal shape; padding takes part. Computed in float32."""
    student_log = F.log_softmax(student.float() / temperature, dim=-1)
    teacher_log = F.log_softmax(teacher.detach().float() / temperature, dim=-1)
    total = F.kl_div(student_log, teacher_log, log_target=True, reduction="sum")
    return total * temperature**2 / (student.numel() / student.shape[-1])


def distillation_loss(student: Any, teacher: Any, keys: Sequence[str] | None, temperature: float) -> torch.Tensor:
    """Mean of the divergences over `keys` of two model outputs (tensors or mappings).

    Without `keys`, mappings are compared by every output whose name ends in ``logits``. Raises `UserError` where
    outputs are missing or differ in shape.
    """
    if isinstance(student, torch.Tensor):
        return divergence(student, teacher, temperature)
    chosen = list(keys) if keys else [name for name in student if name.endswith("logits")]
    terms = [divergence(*_pair(student, teacher, key), temperature) for key in chosen]
    if not terms:
        raise UserError("DistillationModifier: the model has no logits to compare", "name them in distill_output_keys")
    return torch.stack(terms).mean()


def _pair(student: Mapping[str, Any], teacher: Mapping[str, Any], key: str) -> tuple[torch.Tensor, torch.Tensor]:
    for owner, outputs in (("student", student), ("teacher", teacher)):
        if key not in outputs:
            raise UserError(
                f"DistillationModifier: the {owner} has no output {plain(key)}",
                f"distill_output_keys may name {', '.join(str(name) for name in outputs)}",
            )
    if student[key].shape != teacher[key].shape:
        raise UserError(
            f"DistillationModifier: {plain(key)} of student and teacher differ in shape: "
            f"{list(student[key].shape)} and {list(teacher[key].shape)}",
            "choose a teacher with the same task and tokenizer",
        )
    return student[key], teacher[key]


def feature_distance(
    student: torch.Tensor, teacher: torch.Tensor, *, normalize: bool = True, epsilon: float = 1e-6
) -> torch.Tensor:
    """Mean squared difference of two layer outputs of equal shape; `normalize` divides it by the mean square of the
    teacher's plus `epsilon` (SparseML's layer-wise distillation)."""
    taught = teacher.detach()
    difference = (student - taught).square().mean()
    return difference / (taught.square().mean() + epsilon) if normalize else difference
