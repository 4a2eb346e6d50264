"""Export of small models: the folder that results, its figures, and that a failure leaves nothing behind."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tiny_models import QUANTIZATION, WORDS, make_bert, write_dense, write_quantised, write_tokenizer

from engine.errors import UserError
from engine.export import ExportError, ExportReport, export_model, parity
from engine.export.__main__ import main
from engine.export.fusion import fused_attentions
from engine.pipeline import Pipeline

COMPANIONS = {
    "model.onnx",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "sqa.json",
}


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExportReport]:
    folder = write_dense(tmp_path_factory.mktemp("dense") / "model", share=0.8)
    (folder / "eval_results.json").write_text('{"eval_exact_match": 41.5, "eval_f1": 52.25, "eval_samples": 7}')
    (folder.parent / "spec.json").write_text('{"id": "20260101-000000-tiny"}')
    return folder, export_model(folder, latency_runs=3)


@pytest.fixture(scope="module")
def quantised(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExportReport]:
    # Wide enough for the weights to be most of the file.
    folder = tmp_path_factory.mktemp("quantised") / "model"
    write_quantised(folder, share=0.8, hidden_size=128, intermediate_size=512)
    return folder, export_model(folder, latency_runs=0)


def test_dense_export_agrees_with_torch_at_shapes_other_than_the_traced_one(dense: tuple[Path, ExportReport]) -> None:
    _, report = dense
    shapes = {(figure.batch, figure.length) for figure in report.parity}
    assert shapes == {(1, 64), (2, 37), (3, 64)}
    assert (1, parity.traced_length(64)) not in shapes
    assert {figure.optimised for figure in report.parity} == {True, False}
    assert 0 < report.max_difference < 1e-4
    assert all(figure.argmax_agreement == 1 for figure in report.parity)
    assert min(figure.spread for figure in report.parity) > 0.3


def test_deployment_folder_holds_everything(dense: tuple[Path, ExportReport]) -> None:
    folder, report = dense
    assert {path.name for path in (folder / "deployment").iterdir()} == COMPANIONS
    about = json.loads((folder / "deployment" / "sqa.json").read_text())
    assert about["run"] == "20260101-000000-tiny"
    assert about["torch_quality"] == {"exact_match": 41.5, "f1": 52.25, "samples": 7}
    assert about["size_bytes"] == (folder / "deployment" / "model.onnx").stat().st_size
    assert about["sequence_length"] == report.sequence_length == 64
    assert about["latency"]["median_ms"] > 0
    assert about["latency"]["length"] == 64
    assert about["versions"]["onnxruntime"]
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_batch_and_sequence_are_open(dense: tuple[Path, ExportReport]) -> None:
    graph = onnx.load(str(dense[0] / "deployment" / "model.onnx")).graph
    shapes = {item.name: [axis.dim_param for axis in item.type.tensor_type.shape.dim] for item in graph.input}
    assert list(shapes) == ["input_ids", "attention_mask", "token_type_ids"]
    assert set(map(tuple, shapes.values())) == {("batch", "sequence")}
    assert [item.name for item in graph.output] == ["start_logits", "end_logits"]


def test_every_pruned_matrix_is_as_sparse_in_the_file(dense: tuple[Path, ExportReport]) -> None:
    folder, report = dense
    pruned = [item for item in report.matrices if item.checkpoint_zeros]
    assert len(pruned) == 12
    assert all(item.zeros == item.checkpoint_zeros == int(0.8 * np.prod(item.shape)) for item in pruned)
    assert report.sparsity == pytest.approx(0.8, abs=1e-3)
    stored = _initializers(folder)["bert.encoder.layer.1.output.dense.weight"]
    assert stored.shape == (64, 32)
    assert np.mean(stored == 0) == pytest.approx(0.8, abs=1e-3)


def test_attention_of_every_layer_can_be_fused(dense: tuple[Path, ExportReport]) -> None:
    assert fused_attentions(dense[0] / "deployment" / "model.onnx", heads=4, hidden_size=32) == 2


def test_quantised_weights_are_stored_as_int8(quantised: tuple[Path, ExportReport]) -> None:
    folder, report = quantised
    assert report.quantised
    assert report.quantised_matrices == 16
    stored = {name: values for name, values in _initializers(folder).items() if name.endswith("weight_quantized")}
    assert len(stored) == 16
    assert {values.dtype for values in stored.values()} == {np.dtype(np.int8)}
    assert not [
        name for name, values in _initializers(folder).items() if values.dtype == np.float32 and values.ndim > 1
    ]
    assert report.size_bytes < 0.35 * report.checkpoint_bytes


def test_quantised_export_agrees_with_torch(quantised: tuple[Path, ExportReport]) -> None:
    for figure in quantised[1].parity:
        assert figure.mean_difference < 0.05 * figure.spread
        assert figure.argmax_agreement >= 0.5


def test_zeros_of_pruned_weights_are_zero_points(quantised: tuple[Path, ExportReport]) -> None:
    pruned = [item for item in quantised[1].matrices if item.checkpoint_zeros]
    assert len(pruned) == 12
    assert all(item.dtype == "int8" for item in pruned)
    assert all(item.zeros >= item.checkpoint_zeros for item in pruned)


def test_unconverted_export_keeps_float_weights(quantised: tuple[Path, ExportReport], tmp_path: Path) -> None:
    folder = _copy(quantised[0], tmp_path)
    report = export_model(folder, convert_qat=False, latency_runs=0, sequence_length=24)
    assert report.quantised
    assert report.quantised_matrices == 0
    assert report.size_bytes > 2 * quantised[1].size_bytes
    assert report.sparsity is not None


def test_lost_parity_fails_with_the_figure_and_leaves_what_was_there(
    dense: tuple[Path, ExportReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _copy(dense[0], tmp_path)
    before = {path.name for path in folder.iterdir()}
    monkeypatch.setattr(parity, "DENSE_TOLERANCE", 1e-12)
    with pytest.raises(ExportError, match=r"differs from torch: largest difference .* at 1x16, .* tolerance 1e-12"):
        export_model(folder, sequence_length=16)
    assert {path.name for path in folder.iterdir()} == before
    (folder / "deployment").mkdir()
    (folder / "deployment" / "model.onnx").write_bytes(b"the old one")
    assert main(["--model_path", str(folder), "--task", "qa", "--sequence_length", "16"]) == 1
    assert [path.name for path in (folder / "deployment").iterdir()] == ["model.onnx"]
    assert (folder / "deployment" / "model.onnx").read_bytes() == b"the old one"


def test_random_weights_are_never_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tokenizer(tmp_path)
    model = make_bert()
    model.config.save_pretrained(tmp_path)
    assert main(["--model-path", str(tmp_path), "--task", "question_answering"]) == 2
    assert "holds no weights: only random numbers could be exported" in capsys.readouterr().err
    model.bert.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"weights lack qa_outputs"):
        export_model(tmp_path)
    assert not (tmp_path / "deployment").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--task", "text-classification"], "unknown task"),
        (["--task", "qa", "--sequence-length", "4096"], "sequence_length is 4096"),
        (["--task", "qa", "--opset", "9"], "opset is 9"),
        (["--task", "qa", "--onnx-file-name", "../x.onnx"], "onnx_file_name"),
        (["--task", "qa", "--num_export_samples", "2"], "no questions to take samples of"),
        (["--task", "qa", "--one_shot", "recipe.yaml"], "sqa-tui train --one_shot"),
        (["--task", "qa", "--data_args", "{"], "--data_args"),
    ],
)
def test_wrong_input_is_one_line(
    dense: tuple[Path, ExportReport], flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--model_path", str(dense[0]), *flags]) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert len(errors.splitlines()) == 1


def test_missing_folder_and_tokenizer_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        export_model(tmp_path / "nothing")
    make_bert().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="holds no tokenizer"):
        export_model(tmp_path)


def test_questions_are_scored_and_sampled(
    dense: tuple[Path, ExportReport], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _copy(dense[0], tmp_path)
    context = "anna lives in the old city of paris . the cafe is in london ."
    answers = [{"text": "london", "answer_start": context.index("london")}]
    questions = [{"id": str(number), "question": "where is the cafe ?", "answers": answers} for number in range(3)]
    file = tmp_path / "dev.json"
    file.write_text(json.dumps({"data": [{"title": "", "paragraphs": [{"context": context, "qas": questions}]}]}))
    flags = ["--task", "qa", "--validation_file", str(file), "--num_export_samples", "2", "--sequence_length", "32"]
    assert main(["--model_path", str(folder), *flags, "--latency_runs", "0", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["onnx_quality"]["samples"] == 3
    assert 0 <= report["onnx_quality"]["f1"] <= 100
    with np.load(folder / "deployment" / "sample-inputs" / "inp-0001.npz") as sample:
        assert {name: values.shape for name, values in sample.items()} == {
            "input_ids": (32,),
            "attention_mask": (32,),
            "token_type_ids": (32,),
        }
    with np.load(folder / "deployment" / "sample-outputs" / "out-0001.npz") as sample:
        assert {name: values.shape for name, values in sample.items()} == {"start_logits": (32,), "end_logits": (32,)}


def test_fewer_bits_are_exported_as_clipped_integers(tmp_path: Path) -> None:
    recipe = QUANTIZATION + "      weight_bits: 4\n      activation_bits: 7\n"
    folder = write_quantised(tmp_path / "model", recipe=recipe)
    report = export_model(folder, latency_runs=0)
    stored = {name: values for name, values in _initializers(folder).items() if name.endswith("weight_quantized")}
    assert len(stored) == report.quantised_matrices == 16
    assert min(values.min() for values in stored.values()) == -8
    assert max(values.max() for values in stored.values()) == 7
    assert (folder / "deployment" / "recipe.yaml").read_text() == recipe


def test_a_model_without_token_types(tmp_path: Path) -> None:
    from transformers import DistilBertConfig, DistilBertForQuestionAnswering

    write_tokenizer(tmp_path)
    sizes = {"dim": 32, "n_layers": 1, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": 32}
    DistilBertForQuestionAnswering(DistilBertConfig(vocab_size=len(WORDS), **sizes)).save_pretrained(tmp_path)
    report = export_model(tmp_path, latency_runs=0)
    assert report.inputs == ["input_ids", "attention_mask"]
    assert len(report.matrices) == 7
    answer = Pipeline.create(model_path=tmp_path).answer("who?", "Anna lives in Paris.")
    assert answer.candidates[0].text in "Anna lives in Paris."


def test_no_space_left_is_one_line_and_leaves_nothing(
    dense: tuple[Path, ExportReport],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = _copy(dense[0], tmp_path)
    before = sorted(folder.iterdir())
    monkeypatch.setattr(onnx, "save", full)
    assert main(["--model_path", str(folder), "--task", "qa", "--sequence_length", "16"]) == 2
    assert "deployment: No space left on device" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def _initializers(folder: Path) -> dict[str, np.ndarray]:
    graph = onnx.load(str(folder / "deployment" / "model.onnx")).graph
    return {item.name: numpy_helper.to_array(item) for item in graph.initializer}


def _copy(folder: Path, target: Path) -> Path:
    """The model folder without its deployment."""
    copied = target / "copy"
    copied.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            (copied / path.name).write_bytes(path.read_bytes())
    return copied
