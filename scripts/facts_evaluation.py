"""How well a model answers the shipped facts questions."""

from __future__ import annotations

import gzip
import json
import sys
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import BertForQuestionAnswering

from engine.question_answering.metrics import squad_v1
from engine.question_answering.spans import WindowLogits, decode
from engine.zoo.demo import dataset_file


@torch.no_grad()
def evaluate(
    model: BertForQuestionAnswering, tokenizer: Tokenizer, split: str, limit: int = sys.maxsize
) -> dict[str, float]:
    """Exact match and F1 on a split of the shipped set, answers decoded as everywhere else."""
    model.eval()
    examples = [
        (paragraph["context"], question)
        for entry in json.loads(gzip.decompress(dataset_file(split).read_bytes()))["data"]
        for paragraph in entry["paragraphs"]
        for question in paragraph["qas"]
    ][:limit]
    predictions: dict[str, str] = {}
    for begin in range(0, len(examples), 100):
        predictions |= _answers(model, tokenizer, examples[begin : begin + 100])
    references = {question["id"]: [answer["text"] for answer in question["answers"]] for _, question in examples}
    model.train()
    return squad_v1(references, predictions)


def _answers(model: Any, tokenizer: Tokenizer, examples: list[tuple[str, dict[str, Any]]]) -> dict[str, str]:
    tokenizer.enable_padding()
    encodings = tokenizer.encode_batch([(question["question"], context) for context, question in examples])
    tokenizer.no_padding()
    inputs = {
        "input_ids": torch.tensor([encoding.ids for encoding in encodings]),
        "token_type_ids": torch.tensor([encoding.type_ids for encoding in encodings]),
        "attention_mask": torch.tensor([encoding.attention_mask for encoding in encodings]),
    }
    outputs = model(**inputs)
    answers: dict[str, str] = {}
    for row, ((context, question), encoding) in enumerate(zip(examples, encodings, strict=True)):
        inside = np.array([sequence == 1 for sequence in encoding.sequence_ids])
        offsets = np.where(inside[:, None], np.array(encoding.offsets), -1)
        logits = outputs.start_logits[row].numpy(), outputs.end_logits[row].numpy()
        answers[question["id"]] = decode(context, [WindowLogits(*logits, offsets)]).answer
    return answers
