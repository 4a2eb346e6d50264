"""The bundled teacher really answers, and as well as its card says."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from engine.question_answering.metrics import squad_v1
from engine.question_answering.spans import WindowLogits, decode
from engine.zoo import resolve_teacher
from engine.zoo.demo import FAMILY, dataset_file


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(resolve_teacher(f"zoo:{FAMILY}/base-none"))


@pytest.fixture(scope="module")
def examples() -> list[tuple[str, dict[str, Any]]]:
    data = json.loads(gzip.decompress(dataset_file("validation").read_bytes()))["data"]
    return [
        (paragraph["context"], question)
        for title in data
        for paragraph in title["paragraphs"]
        for question in paragraph["qas"]
    ]


def answers(folder: Path, examples: list[tuple[str, dict[str, Any]]]) -> dict[str, str]:
    model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found: dict[str, str] = {}
    for begin in range(0, len(examples), 50):
        batch = examples[begin : begin + 50]
        encoded = tokenizer(
            [q["question"] for _, q in batch],
            [c for c, _ in batch],
            padding=True,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        offsets = encoded.pop("offset_mapping").numpy()
        with torch.no_grad():
            outputs = model(**encoded)
        for row, (context, question) in enumerate(batch):
            inside = np.array([sequence == 1 for sequence in encoded.sequence_ids(row)])
            logits = outputs.start_logits[row].numpy(), outputs.end_logits[row].numpy()
            found[question["id"]] = decode(
                context, [WindowLogits(*logits, np.where(inside[:, None], offsets[row], -1))]
            ).answer
    return found


def test_the_teacher_answers_as_well_as_its_card_says(folder: Path, examples: list[tuple[str, dict[str, Any]]]):
    measured = json.loads((folder.parent / "measured.json").read_text())
    references = {question["id"]: [answer["text"] for answer in question["answers"]] for _, question in examples}
    scores = squad_v1(references, answers(folder, examples))
    assert scores["f1"] >= 85
    assert scores["f1"] == pytest.approx(measured["f1"], abs=0.15)  # arithmetic differs a little between processors
    assert scores["exact_match"] == pytest.approx(measured["exact_match"], abs=0.15)
    card = (folder.parent / "model.md").read_text()
    assert f"{measured['exact_match']:.2f} / {measured['f1']:.2f}" in card
    assert measured["command"] in card


def test_the_teacher_is_small_and_complete(folder: Path):
    assert (folder / "model.safetensors").stat().st_size <= 6_000_000
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["BertForQuestionAnswering"]
    vocabulary = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    lines = (folder / "vocab.txt").read_text().splitlines()
    assert vocabulary == {piece: number for number, piece in enumerate(lines)}


def test_tokenizers_and_transformers_read_the_same_pieces(folder: Path):
    text = ("Who founded the Velmor Guild?", "Ésra Dünn founded it on 14 March 1782; 81,888 people came.")
    direct = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(*text)
    assert AutoTokenizer.from_pretrained(folder)(*text)["input_ids"] == direct.ids
    assert direct.type_ids[-1] == 1
    assert "[UNK]" not in direct.tokens
