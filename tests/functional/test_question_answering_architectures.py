"""Every architecture with the tokenizer it comes with: pruned, evaluated, saved, loaded again, exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file

from engine.export.export import export_model
from engine.pipeline import Pipeline
from engine.question_answering.preflight import build_spec
from engine.runs.launch import create_run
from engine.sparsify.checkpoint import load_question_answering_model
from tests.functional.test_question_answering_train import PLACES, events, row, run_here
from tests.tiny_models import WORDS

LENGTH = 48
RECIPE = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0.0, end_epoch: 2.0}
  - !GMPruningModifier {params: __ALL_PRUNABLE__, init_sparsity: 0.1, final_sparsity: 0.5, start_epoch: 0.0,
      end_epoch: 1.0, update_frequency: 0.5}
"""
LENGTHS = f"--max_seq_length {LENGTH} --doc_stride 8 --per_device_train_batch_size 4".split()
USUAL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": LENGTH + 6,
    "initializer_range": 0.3,
}
DISTILBERT = {"dim": 32, "n_layers": 1, "n_heads": 4, "hidden_dim": 64}
MOBILEBERT = {"embedding_size": 16, "intra_bottleneck_size": 16, "num_feedforward_networks": 2}
DEBERTA_V3 = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16, "type_vocab_size": 0}
DEBERTA_V3 |= {"norm_rel_ebd": "layer_norm", "share_att_key": True, "position_biased_input": False}
DEBERTA_V2 = {**DEBERTA_V3, "share_att_key": False, "conv_kernel_size": 3, "conv_act": "gelu"}
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("bert", "words", {}),
    "distilbert": ("distilbert", "words", DISTILBERT),
    "mobilebert": ("mobilebert", "words", {**MOBILEBERT, "initializer_range": 0.1}),
    "electra": ("electra", "words", {"embedding_size": 16}),
    "roberta": ("roberta", "bytes", {"type_vocab_size": 1, "pad_token_id": 1}),
    "albert": ("albert", "albert", {"embedding_size": 16, "pad_token_id": 0}),
    "deberta-v2": ("deberta-v2", "deberta", DEBERTA_V2),
    "deberta-v3": ("deberta-v2", "deberta", DEBERTA_V3),
}


def byte_pairs() -> Any:
    """RoBERTa's tokenizer, trained on the test's own sentences."""
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator([row("anna", "paris")["context"]] * 2, vocab_size=300, special_tokens=special)
    model = json.loads(trained.to_str())["model"]
    return transformers.RobertaTokenizer(vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]])


def pieces(kind: Any, special: list[str]) -> Any:
    """A tokenizer of pieces with their likelihoods, as SentencePiece makes them."""
    words = [word for word in WORDS if word.isalnum() or word in ".?"]
    letters = sorted({letter for word in words for letter in word})
    scored = [(word, 0.0) for word in special] + [("▁" + word, -2.0) for word in words]
    return kind(vocab=[*scored, ("▁", -4.0), *((letter, -8.0) for letter in letters)])


def tokenizer(kind: str, folder: Path) -> Any:
    """The tokenizer that the architecture comes with."""
    if kind == "words":
        (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS))
        return transformers.BertTokenizerFast(str(folder / "vocab.txt"))
    if kind == "bytes":
        return byte_pairs()
    if kind == "albert":
        return pieces(transformers.AlbertTokenizer, ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"])
    return pieces(transformers.DebertaV2Tokenizer, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])


def write_model(name: str, folder: Path) -> Path:
    architecture, kind, settings = MODELS[name]
    folder.mkdir()
    reads = tokenizer(kind, folder)
    reads.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(architecture, **{**USUAL, **settings, "vocab_size": len(reads)})
    transformers.AutoModelForQuestionAnswering.from_config(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_pruned_evaluated_loaded_and_exported(name: str, tmp_path: Path) -> None:
    model = write_model(name, tmp_path / "model")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "questions.json").write_text(
        json.dumps([row(who, where) for who in ("anna", "marie") for where in PLACES])
    )
    line = ["--model_name_or_path", str(model), "--recipe", str(tmp_path / "recipe.yaml"), *LENGTHS]
    line += ["--train_file", str(tmp_path / "questions.json"), "--validation_file", str(tmp_path / "questions.json")]
    line += ["--do_train", "--do_eval", "--use_cpu", "--save_strategy", "no"]
    directory = create_run(slug=name, spec=build_spec(line))
    run_here(directory)

    (evaluation,) = events(directory, "eval")
    assert evaluation["samples"] == 6
    assert events(directory, "metric")[-1]["sparsity"] == pytest.approx(0.5, abs=5e-3)
    weights = load_file(directory.output / "model.safetensors")
    loaded = load_question_answering_model(str(directory.output))
    assert not loaded.random_weights
    assert not loaded.new_parameters
    state = loaded.model.state_dict()
    for parameter, value in weights.items():
        np.testing.assert_array_equal(state[parameter].numpy(), value, err_msg=parameter)
    assert sum(np.mean(value == 0) > 0.45 for value in weights.values() if value.ndim > 1) >= 3
    report = export_model(directory.output, latency_runs=1)
    assert report.difference <= report.tolerance
    assert report.sparsity == pytest.approx(0.5, abs=5e-3)
    asked = row("anna", "paris")
    answer = Pipeline.create(task="question-answering", model_path=str(directory.output))(
        question=asked["question"], context=asked["context"]
    )
    assert answer["answer"] == asked["context"][answer["start"] : answer["end"]]
