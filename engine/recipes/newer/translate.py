"""From a modifier in llm-compressor's form to what a modifier of this project is built from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.recipes.modifiers import Modifier
from engine.recipes.newer.distillation import output
from engine.recipes.newer.fields import NewerFields
from engine.recipes.newer.one_shot import sparsegpt, wanda
from engine.recipes.newer.pruning import constant, magnitude
from engine.recipes.newer.quantization import quantization, whole_model
from engine.recipes.nodes import Node
from engine.recipes.reader import Reader
from engine.recipes.registry import bare_name, find_modifier, unknown_modifier
from engine.recipes.variables import Scope
from engine.recipes.written import Fields, Written

_TRANSLATORS: Mapping[str, Callable[[NewerFields], type[Modifier]]] = {
    "ConstantPruningModifier": constant,
    "MagnitudePruningModifier": magnitude,
    "OutputDistillationModifier": output,
    "QuantizationModifier": quantization,
    "SparseGPTModifier": sparsegpt,
    "WandaPruningModifier": wanda,
    "vLLMQuantizationModifier": quantization,
    "LegacyQuantizationModifier": whole_model,
}

NEWER_NAMES = tuple(_TRANSLATORS)
"""The modifiers whose fields are translated; all others have the fields they have in SparseML's form."""

_COUNTERS = ("index", "group")
"""What llm-compressor writes down besides when it saves a recipe."""


def translate(reader: Reader, node: Node, given: Fields, scope: Scope) -> Written | None:
    """What a modifier in llm-compressor's form means; None, with the problem noted, where nothing has that name."""
    name = bare_name(node.tag)
    modifier = find_modifier(node.tag, given)
    if name not in _TRANSLATORS and modifier is None:
        reader.problem(node, *unknown_modifier(name, NEWER_NAMES))
        return None
    fields = NewerFields(reader, node, scope, {key: given[key] for key in given if key not in _COUNTERS})
    for theirs, ours in (("start", "start_epoch"), ("end", "end_epoch"), ("update", "update_frequency")):
        fields.rename(theirs, ours)
    if name in _TRANSLATORS:
        return fields.written(_TRANSLATORS[name](fields))
    fields.rename("targets", "params")
    assert modifier is not None
    return fields.written(modifier)
