"""What a recipe does to a model: the same parameters as in a training, counted without a training."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.errors import UserError
from engine.recipes import parse_recipe
from engine.recipes.inspection import Inspection
from engine.sparsify.behaviours.pruning import MaskingBehaviour
from engine.sparsify.checkpoint import load_question_answering_model
from engine.sparsify.context import TrainingContext
from engine.sparsify.inspector import inspect
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.quantization.fake_quantizer import fake_quantizers
from tests.tiny_models import write_dense, write_quantised

HEAD = "modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: 4}\n"
PRUNING = """\
  - !GlobalMagnitudePruningModifier
      {params: ["re:bert.encoder.*query.weight", "re:bert.encoder.*.dense.weight"], init_sparsity: %s,
       final_sparsity: 0.9, start_epoch: %s, end_epoch: 3, update_frequency: 1}
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_dense(folder / "dense")
    write_dense(folder / "sparse", share=0.8)
    write_quantised(folder / "quantised", share=0.8)
    (folder / "config").mkdir()
    (folder / "config" / "config.json").write_text((folder / "dense" / "config.json").read_text())
    return folder


def seen(folder: Path, text: str) -> Inspection:
    return inspect(str(folder), parse_recipe(HEAD + text, name="recipe.yaml"))


def said(found: Inspection) -> list[str]:
    return [f"{item.level} {item.line}: {item.message}" for item in found.findings]


def test_selected_parameters_are_those_of_a_training(folders: Path) -> None:
    text = PRUNING % (0.1, 0) + '  - !ConstantPruningModifier {params: ["re:.*embeddings.*"]}\n'
    text += "  - !LayerPruningModifier {layers: [bert.encoder.layer.1]}\n"
    found = seen(folders / "dense", text)
    model = load_question_answering_model(str(folders / "dense")).model
    manager = SparsificationManager(parse_recipe(HEAD + text))
    manager.prepare(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    manager.initialize(model, optimizer, TrainingContext(steps_per_epoch=10, total_steps=40))
    behaviours = {item.modifier.name: item for item in manager.behaviours if isinstance(item, MaskingBehaviour)}
    assert len(behaviours) == 2
    for name, behaviour in behaviours.items():
        (selection,) = [item for item in found.selections if item.modifier == name]
        assert [item.name for item in selection.parameters] == behaviour.masking.names
        assert [item.shape for item in selection.parameters] == [tuple(p.shape) for p in behaviour.masking.parameters]
        assert selection.weights == sum(parameter.numel() for parameter in behaviour.masking.parameters)
    assert found.overall.weights == sum(parameter.numel() for parameter in model.parameters())
    whole = load_question_answering_model(str(folders / "dense")).model
    assert found.overall.weights + found.dropped == sum(parameter.numel() for parameter in whole.parameters())


def test_sparsity_now_and_when_the_run_is_over(folders: Path) -> None:
    found = seen(folders / "sparse", PRUNING % ("__FROM_PARAM__", 0))
    weights = load_file(folders / "sparse" / "model.safetensors")
    chosen = [name for name in weights if re.match(r"bert.encoder.*(query|\.dense).weight", name)]
    zeros = sum(int((weights[name] == 0).sum()) for name in chosen)
    size = sum(weights[name].numel() for name in chosen)
    assert (found.pruned.weights, found.pruned.now, found.pruned.then) == (size, zeros, round(0.9 * size))
    assert found.overall.now == sum(int((tensor == 0).sum()) for tensor in weights.values())
    assert found.prunable.then == found.pruned.then
    (selection,) = found.selections
    assert selection.together
    assert selection.target == 0.9
    assert [pattern.parameters for pattern in selection.patterns] == [2, 6]


def test_a_model_without_weights_has_unknown_zeros(folders: Path) -> None:
    found = seen(folders / "config", PRUNING % (0.1, 0) + "  - !ConstantPruningModifier {params: __ALL_PRUNABLE__}\n")
    assert not found.has_weights
    assert found.pruned.now is None
    assert found.prunable.then is None
    assert seen(folders / "config", PRUNING % (0.1, 0)).prunable.then is not None


def test_names_that_match_nothing_are_errors_at_their_modifier(folders: Path) -> None:
    found = seen(
        folders / "dense",
        '  - !MagnitudePruningModifier\n      {params: ["re:bert.*query.weight", "re:roberta.*"], init_sparsity: 0.1,'
        " final_sparsity: 0.5, start_epoch: 0, end_epoch: 2, update_frequency: 1}\n"
        '  - !TrainableParamsModifier {params: ["nothing"], trainable: false, params_strict: false}\n'
        "  - !LayerPruningModifier {layers: [bert.encoder.layer.7]}\n"
        "  - !QuantizationModifier {submodules: [bert.pooler], start_epoch: 2}\n"
        "  - !PerLayerDistillationModifier {student_layer_names: [bert.encoder.layer.0, bert.encoder.layer.6]}\n",
    )
    texts = said(found)
    assert any(text.startswith("error 4: ") and "re:roberta.*" in text for text in texts)
    assert any(text.startswith("warning 5: ") and "nothing" in text for text in texts)
    assert any(text.startswith("error 6: ") and "bert.encoder.layer.7" in text for text in texts)
    assert any(text.startswith("error 7: ") and "bert.pooler" in text for text in texts)
    assert any(text.startswith("error 8: ") and "no layer bert.encoder.layer.6" in text for text in texts)
    assert len(texts) == 5
    assert {(item.line, item.column) for item in found.findings} == {(4, 42), (5, 40), (6, 37), (7, 41), (8, 80)}


def test_layers_that_are_taught_are_selected(folders: Path) -> None:
    named = "{student_layer_names: [bert.encoder.layer.1], teacher_layer_names: [bert.encoder.layer.9]}"
    text = f"  - !PerLayerDistillationModifier {named}\n"
    (selection,) = seen(folders / "dense", text).selections
    assert [pattern.text for pattern in selection.patterns] == ["bert.encoder.layer.1"]
    assert {item.name.rpartition(".layer.")[2].partition(".")[0] for item in selection.parameters} == {"1"}
    assert selection.left is None


def test_what_constant_pruning_leaves(folders: Path) -> None:
    constant = "  - !ConstantPruningModifier {params: __ALL_PRUNABLE__%s}\n"
    (held,) = seen(folders / "sparse", constant % "").selections
    assert held.left == held.sparsity
    assert held.left is not None
    assert 0.5 < held.left < 0.9
    (let_go,) = seen(folders / "sparse", constant % ", start_epoch: 0, end_epoch: 2").selections
    assert let_go.left is None
    (nothing,) = said(seen(folders / "dense", constant % ""))
    assert nothing.startswith("warning 3: ConstantPruningModifier holds what is zero, but 0.2 % of its weights are")
    assert said(seen(folders / "config", constant % "")) == []
    pruned_before = (
        PRUNING % (0.0, 0) + "  - !ConstantPruningModifier {params: ['re:.*query.weight'], start_epoch: 3}\n"
    )
    assert said(seen(folders / "dense", pruned_before)) == []


def test_what_never_starts_changes_nothing(folders: Path) -> None:
    late = "  - !LayerPruningModifier {layers: [bert.encoder.layer.1], start_epoch: 9}\n"
    late += "  - !QuantizationModifier {start_epoch: 9}\n"
    found = inspect(str(folders / "dense"), parse_recipe(HEAD + late), epochs=4)
    assert (found.quantized, found.dropped) == ((), 0)


def test_zeros_that_would_grow_again(folders: Path) -> None:
    begins_low = said(seen(folders / "sparse", PRUNING % (0.5, 0)))
    assert any("line 3" in text or text.startswith("warning 3: ") for text in begins_low)
    assert any("begins at a sparsity of 50.0 %, but 80" in text for text in begins_low)
    begins_late = said(seen(folders / "sparse", PRUNING % (0.85, 2)))
    assert any("until epoch 2 nothing holds the" in text for text in begins_late)
    nothing = said(seen(folders / "sparse", "  - !SetWeightDecayModifier {weight_decay: 0.0}\n"))
    assert any("nothing holds the" in text and "and 11 more" in text for text in nothing)
    held = said(seen(folders / "sparse", "  - !ConstantPruningModifier {params: __ALL_PRUNABLE__}\n"))
    assert held == []
    assert said(seen(folders / "dense", PRUNING % (0.05, 0))) == []


def test_modifiers_in_each_other_s_way_and_masks_that_do_not_fit(folders: Path) -> None:
    second = (
        '  - !GMPruningModifier {params: ["re:bert.encoder.layer.0.*.weight"], init_sparsity: 0.1, final_sparsity: 0.5,'
        " start_epoch: 1, end_epoch: 2, update_frequency: 1, mask_type: [1, 24]}\n"
    )
    texts = said(seen(folders / "dense", PRUNING % (0.1, 0) + second))
    (overlap,) = [text for text in texts if "prunes at the same time" in text]
    assert overlap.startswith("warning 3: GlobalMagnitudePruningModifier prunes 4 parameters")
    assert "GMPruningModifier (line 6)" in overlap
    assert any("does not divide into blocks [1, 24]" in text for text in texts)
    assert any(
        "also prunes bert.encoder.layer.0.attention.output.LayerNorm.weight and 1 more" in text for text in texts
    )
    one_after_the_other = second.replace("start_epoch: 1, end_epoch: 2", "start_epoch: 3, end_epoch: 4")
    assert not [
        text for text in said(seen(folders / "dense", PRUNING % (0.1, 0) + one_after_the_other)) if "same" in text
    ]


def test_quantized_modules_are_those_of_a_training(folders: Path) -> None:
    text = (
        "  - !QuantizationModifier {start_epoch: 1, submodules: [bert.encoder, qa_outputs],"
        " quantize_linear_activations: 0, exclude_module_types: [LayerNorm]}\n"
    )
    found = seen(folders / "dense", text)
    model = load_question_answering_model(str(folders / "dense")).model
    SparsificationManager(parse_recipe(HEAD + text)).prepare(model, float("inf"))
    placed = {name.rpartition(".")[0] for name, _ in fake_quantizers(model)}
    assert {item.name for item in found.quantized} == placed
    assert {item.tensors for item in found.quantized if item.kind == "Linear"} == {("input", "weight")}
    again = seen(folders / "quantised", "  - !SetWeightDecayModifier {weight_decay: 0.0}\n")
    assert again.model_recipe
    tensors = [sum(len(item.tensors) for item in one.quantized) for one in (found, again)]
    assert tensors[1] == tensors[0] + 3  # the outputs of the three embeddings


def test_no_question_answering_model(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt_bigcode"}))
    with pytest.raises(UserError, match="no question-answering head"):
        inspect(str(tmp_path), None)
    with pytest.raises(UserError, match="no folder"):
        inspect(str(tmp_path / "nothing"), None)


def test_values_that_do_not_have_the_shape_are_errors(folders: Path) -> None:
    text = "  - !SetParamModifier {params: [qa_outputs.bias, qa_outputs.weight], val: [1, 2]}\n"
    (line,) = said(seen(folders / "dense", text))
    assert line.startswith("error 3: val of SetParamModifier has the shape [2], qa_outputs.weight has [2, ")


def test_a_name_that_matches_nothing_is_told_at_its_place_with_the_nearest(folders: Path) -> None:
    text = """\
  - !ConstantPruningModifier
      params:
        - qa_outputs.weight
        - qa_output.weight
        - bert.encoder.layer.0.output.dense
        - bert.encoder.*.dense.weight
        - re:nothing.*
  - !LayerPruningModifier {layers: [bert.encoder.layer.0, bert.encoder.layer.7, bert.encoders]}
"""
    found = seen(folders / "dense", text)
    assert [
        (item.line, item.column, item.length, item.suggestion) for item in found.findings if item.level == "error"
    ] == [
        (10, 59, 20, "did you mean 'bert.encoder.layer.1'?"),
        (10, 81, 13, "did you mean 'bert.encoder'?"),
        (6, 11, 16, "did you mean 'qa_outputs.weight'?"),
        (7, 11, 33, "did you mean 'bert.encoder.layer.0.output.dense.weight'?"),
        (8, 11, 27, "did you mean 're:bert.encoder.*.dense.weight'?"),
        (9, 11, 12, "compare `params` of the recipe with the names of this model's parameters"),
    ]
