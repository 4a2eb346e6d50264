"""Distillation of llm-compressor as distillation of this project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from engine.recipes.modifiers import DistillationModifier, Modifier, PerLayerDistillationModifier
from engine.recipes.modifiers.kinds import as_number
from engine.recipes.newer.fields import NewerFields

HEAD = "qa_outputs"
LOGITS = ["start_logits", "end_logits"]
_UNKNOWN = "it has no counterpart here"


def output(fields: NewerFields) -> type[Modifier]:
    """By the divergence of the head's logits, or by the distance of layers' outputs."""
    comparison = fields.value("comparison", "kl_divergence")
    fields.only("projection", None, why=_UNKNOWN)
    fields.only("projection_args", None, {}, why=_UNKNOWN)
    fields.only("comparison_args", None, {}, why=_UNKNOWN)
    fields.only("offload_layer_output", False, why=_UNKNOWN)
    if comparison == "square_head":
        return _layers(fields)
    if comparison != "kl_divergence":
        fields.refuse("comparison", f"of {fields.name} has no counterpart here", "use kl_divergence or square_head")
    return _logits(fields)


def _logits(fields: NewerFields) -> type[Modifier]:
    """Its loss is ``orig_scale`` task + ``distill_scale`` divergence; here both share a weight of one."""
    task, teacher = _scale(fields, "orig_scale"), _scale(fields, "distill_scale")
    total = task + teacher
    if total > 0:
        fields.put("hardness", teacher / total, "distill_scale")
    else:
        fields.refuse("distill_scale", f"and orig_scale of {fields.name} must not both be 0")
    if total not in (0.0, 1.0):
        fields.reader.note(
            fields.node, f"the loss of {fields.name} is divided by {total:g}, the sum of orig_scale and distill_scale"
        )
    fields.only("transforms", "softmax", ["softmax"], why="kl_divergence compares probabilities")
    settings = fields.value("transforms_args", {})
    if isinstance(settings, Mapping) and set(cast("Mapping[str, Any]", settings)) <= {"temperature"}:
        fields.put("temperature", settings.get("temperature", 1.0), "transforms_args")  # type: ignore[union-attr]
    else:
        fields.refuse("transforms_args", f"of {fields.name} can only hold temperature", _UNKNOWN)
    fields.put("distill_output_keys", _outputs(fields), "targets")
    return DistillationModifier


def _outputs(fields: NewerFields) -> list[str]:
    """The logits that targets mean: the head's, or those named."""
    value = fields.value("targets")
    names = cast("list[Any]", value) if isinstance(value, list) else [value]
    if value is None:
        fields.reader.problem(fields.node, f"{fields.name} needs targets")
    elif any(name not in (HEAD, *LOGITS) for name in names):
        fields.refuse(
            "targets",
            f"of {fields.name} can only be {HEAD} where kl_divergence compares",
            "layers are compared by square_head",
        )
    return LOGITS if HEAD in names else [str(name) for name in names]


def _layers(fields: NewerFields) -> type[Modifier]:
    """Its loss is the mean over the layers, times their number where `distill_scale` is left at 1; here it is a sum."""
    if _scale(fields, "orig_scale") != 1:
        fields.refuse("orig_scale", f"of {fields.name} can only be 1 where square_head compares", _UNKNOWN)
    fields.only("transforms", "identity", ["identity"], why=_UNKNOWN)
    fields.only("transforms_args", None, {}, why=_UNKNOWN)
    students, teachers = _pairs(fields)
    scale = _scale(fields, "distill_scale")
    fields.put("gain", 1.0 if scale == 1 else scale / max(len(students), 1), "distill_scale")
    fields.put("student_layer_names", students, "targets")
    fields.put("teacher_layer_names", teachers, "targets")
    fields.put("normalize", True)
    fields.put("project_features", False)
    return PerLayerDistillationModifier


def _pairs(fields: NewerFields) -> tuple[list[str], list[str]]:
    """The names of the student's layers and of the teacher's."""
    value = fields.value("targets")
    if value is None:
        fields.reader.problem(fields.node, f"{fields.name} needs targets")
    targets = cast("list[Any]", value) if isinstance(value, list) else [value] if value is not None else []
    pairs = [cast("list[Any]", target) if isinstance(target, list) else [target, target] for target in targets]
    if any(len(pair) != 2 or not all(isinstance(name, str) for name in pair) for pair in pairs):
        fields.refuse("targets", f"of {fields.name} must be names of layers or pairs of names")
        return [], []
    if any(str(name).startswith("re:") for pair in pairs for name in pair):
        fields.refuse("targets", f"of {fields.name} cannot be patterns", "name the layers one by one")
    return [str(student) for student, _ in pairs], [str(teacher) for _, teacher in pairs]


def _scale(fields: NewerFields, name: str) -> float:
    given = fields.value(name, 1.0)
    number = as_number(given)
    if number is None or not 0 <= number <= 1e6:
        fields.refuse(name, f"of {fields.name} must be a number in 0 ... 1000000")
        return 1.0
    return float(number)
