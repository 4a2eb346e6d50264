"""Modifiers of the loss: learning from a teacher."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from engine.recipes.modifiers.base import FieldFault, Modifier
from engine.recipes.modifiers.kinds import Boolean, Fixed, Names, Number, Optional, kind

NAMES: dict[str, Any] = kind(Optional(Names()))
FLAG: dict[str, Any] = kind(Boolean())


@dataclass(frozen=True, kw_only=True)
class DistillationModifier(Modifier):
    """Adds the divergence of the student's logits from the teacher's: (1 - hardness) task + hardness distillation."""

    name: ClassVar[str] = "DistillationModifier"
    acts_on: ClassVar[str] = "loss"
    distill_output_keys: tuple[str, ...] | None = field(default=None, metadata=NAMES)
    teacher_input_keys: tuple[str, ...] | None = field(default=None, metadata=NAMES)
    update_frequency: float = field(default=-1.0, metadata=kind(Fixed(-1.0)))
    hardness: float = field(default=0.5, metadata=kind(Number(minimum=0.0, maximum=1.0)))
    temperature: float = field(default=2.0, metadata=kind(Number(above=0.0)))


@dataclass(frozen=True, kw_only=True)
class PerLayerDistillationModifier(Modifier):
    """Adds the distance of the student's hidden outputs from the teacher's."""

    name: ClassVar[str] = "PerLayerDistillationModifier"
    acts_on: ClassVar[str] = "loss"
    gain: float = field(default=1.5, metadata=kind(Number(above=0.0)))
    distill_output_keys: tuple[str, ...] | None = field(default=None, metadata=NAMES)
    teacher_input_keys: tuple[str, ...] | None = field(default=None, metadata=NAMES)
    update_frequency: float = field(default=-1.0, metadata=kind(Fixed(-1.0)))
    normalize: bool = field(default=True, metadata=FLAG)
    student_layer_names: tuple[str, ...] | None = field(default=None, metadata=NAMES)
    teacher_layer_names: tuple[str, ...] | None = field(default=None, metadata=NAMES)
    project_features: bool = field(default=True, metadata=FLAG)
    epsilon: float = field(default=1e-6, metadata=kind(Number(minimum=0.0)))

    def __post_init__(self) -> None:
        super().__post_init__()
        named = self.student_layer_names or self.teacher_layer_names
        for name in ("student_layer_names", "teacher_layer_names"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, named)

    def own_faults(self) -> Iterator[FieldFault]:
        student, teacher = self.student_layer_names, self.teacher_layer_names
        if student is not None and teacher is not None and len(student) != len(teacher):
            yield FieldFault("teacher_layer_names", f"must name as many layers as student_layer_names ({len(student)})")
