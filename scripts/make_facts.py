"""Make the facts question-answering set and its WordPiece vocabulary, byte for byte the same each time.

python scripts/make_facts.py            # writes into the package, where the demo zoo looks for them
python scripts/make_facts.py DIRECTORY  # writes elsewhere, to compare
"""

from __future__ import annotations

import argparse
import gzip
import json
import string
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from engine.zoo.demo import DATA, DATASET, TEACHER_TRAINING
from engine.zoo.demo.facts import Paragraph, paragraphs
from engine.zoo.demo.facts.names import Part

SEED = 2025
SIZES: dict[Part, int] = {"train": 4000, "validation": 1000}
VOCABULARY_SIZE = 2800
VOCABULARY_PARAGRAPHS = 6000
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MAXIMUM_LENGTH = 256


def take_questions(stream: Iterable[Paragraph], count: int) -> Iterator[Paragraph]:
    """Paragraphs from `stream` until they hold exactly `count` questions."""
    for paragraph in stream:
        kept = paragraph.questions[:count]
        yield Paragraph(paragraph.context, kept, paragraph.names)
        count -= len(kept)
        if count == 0:
            return


def squad(part: Part) -> dict[str, Any]:
    """One part of the set in the nested JSON of SQuAD 1.1, fifty paragraphs to a title."""
    entries = [_entry(part, index, paragraph) for index, paragraph in enumerate(part_paragraphs(part))]
    titles = [entries[begin : begin + 50] for begin in range(0, len(entries), 50)]
    data = [{"title": f"Facts, {part}, {number}", "paragraphs": group} for number, group in enumerate(titles, 1)]
    return {"version": "1.1", "data": data}


def part_paragraphs(part: Part) -> Iterator[Paragraph]:
    """The paragraphs of one part, in order."""
    return take_questions(paragraphs(SEED, part), SIZES[part])


def _entry(part: Part, index: int, paragraph: Paragraph) -> dict[str, Any]:
    questions = [
        {
            "id": f"{part}-{index:05d}-{number}",
            "question": question.text,
            "answers": [{"text": question.answer, "answer_start": question.answer_start}],
        }
        for number, question in enumerate(paragraph.questions)
    ]
    return {"context": paragraph.context, "qas": questions}


def write_json_gz(path: Path, value: dict[str, Any]) -> None:
    """Write compact JSON, compressed with no name and no time in its header."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def train_vocabulary() -> dict[str, int]:
    """Lower-case word pieces, learnt from texts of the train part's names only.

    Single letters are given in order: left to itself the trainer numbers them by chance, and breaks ties by number.
    """
    letters = string.digits + string.ascii_lowercase
    fixed = SPECIAL_TOKENS + list(string.punctuation) + list(letters) + [f"##{letter}" for letter in letters]
    tokenizer = bert_tokenizer({token: number for number, token in enumerate(SPECIAL_TOKENS)})
    trainer = trainers.WordPieceTrainer(vocab_size=VOCABULARY_SIZE, special_tokens=fixed, show_progress=False)
    tokenizer.train_from_iterator(_texts(), trainer)
    return tokenizer.get_vocab()


def bert_tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    """BERT's lower-case tokenizer over `vocabulary`."""
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _texts() -> Iterator[str]:
    for paragraph in islice(paragraphs(SEED, "train"), VOCABULARY_PARAGRAPHS):
        yield paragraph.context
        yield from (question.text for question in paragraph.questions)


def write_tokenizer(directory: Path, tokenizer: Tokenizer) -> None:
    """Write the four files that transformers and tokenizers read."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab()
    (directory / "vocab.txt").write_text(
        "".join(f"{piece}\n" for piece in sorted(vocabulary, key=vocabulary.__getitem__))
    )
    names = ("pad", "unk", "cls", "sep", "mask")
    special = {f"{name}_token": token for name, token in zip(names, SPECIAL_TOKENS, strict=True)}
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": MAXIMUM_LENGTH} | special
    (directory / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    (directory / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def main() -> None:
    """Write the data and the tokenizer, and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", nargs="?", type=Path, default=DATA)
    directory: Path = parser.parse_args().directory
    for part, count in SIZES.items():
        path = directory / DATASET / f"{part}.json.gz"
        write_json_gz(path, squad(part))
        print(f"{path}: {count} questions, {path.stat().st_size} bytes")
    tokenizer = bert_tokenizer(train_vocabulary())
    write_tokenizer(directory / TEACHER_TRAINING, tokenizer)
    print(f"{directory / TEACHER_TRAINING}: {tokenizer.get_vocab_size()} word pieces")


if __name__ == "__main__":
    main()
