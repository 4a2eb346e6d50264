"""The facts set: the same bytes each time, answers where they are said to be, no name in both parts."""

import gzip
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from engine.zoo.demo import DATA, DATASET, TEACHER_TRAINING, dataset_file, facts
from engine.zoo.demo.facts import Paragraph, paragraphs

ROOT = Path(__file__).parents[2]
COUNTS = {"train": 4000, "validation": 1000}


def shipped(part: str) -> list[dict[str, Any]]:
    data = json.loads(gzip.decompress(dataset_file(part).read_bytes()))["data"]
    return [paragraph for title in data for paragraph in title["paragraphs"]]


def generated(part: Any, count: int) -> Iterator[Paragraph]:
    return islice(paragraphs(3, part), count)


def digests(folder: Path) -> dict[str, str]:
    names = [f"{DATASET}/train.json.gz", f"{DATASET}/validation.json.gz"]
    names += [
        f"{TEACHER_TRAINING}/{name}"
        for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json")
    ]
    return {name: sha256((folder / name).read_bytes()).hexdigest() for name in names}


def test_data_and_vocabulary_are_made_again_byte_for_byte(tmp_path: Path):
    subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "make_facts.py"), str(tmp_path)],
        check=True,
        cwd=ROOT,
        capture_output=True,
    )
    assert digests(tmp_path) == digests(DATA)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_every_answer_stands_at_its_offset_as_whole_words(part: str):
    questions = 0
    for paragraph in shipped(part):
        context = paragraph["context"]
        for question in paragraph["qas"]:
            [answer] = question["answers"]
            begin, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
            assert context[begin:end] == answer["text"]
            assert not re.match(r"\w", context[begin - 1 : begin])
            assert not re.match(r"\w", context[end : end + 1])
            questions += 1
    assert questions == COUNTS[part]


def test_ids_are_unique():
    ids = [question["id"] for part in COUNTS for paragraph in shipped(part) for question in paragraph["qas"]]
    assert len(set(ids)) == sum(COUNTS.values())


def test_the_parts_share_no_name_not_even_a_word_of_one():
    names = {part: {name for paragraph in generated(part, 1000) for name in paragraph.names} for part in COUNTS}
    words = {part: {name.split()[0] for name in names[part]} for part in COUNTS}
    assert len(names["train"]) > 3500
    assert not names["train"] & names["validation"]
    assert not words["train"] & words["validation"]


def test_the_shipped_texts_share_only_words_that_the_generator_itself_has():
    words = {
        part: {word for paragraph in shipped(part) for word in capitalised(paragraph["context"])} for part in COUNTS
    }
    own = {
        word.lower()
        for file in Path(facts.__file__).parent.glob("*.py")
        for word in re.findall(r"\w+", file.read_text())
    }
    shared = words["train"] & words["validation"]
    assert {"January", "Museum", "Festival"} <= shared
    assert {word for word in shared if word.lower() not in own} == set()


def capitalised(text: str) -> list[str]:
    return re.findall(r"[A-Z][a-z]+", text)


def test_there_are_many_kinds_of_answers_and_none_dominates():
    kinds = Counter(question.kind for paragraph in generated("train", 600) for question in paragraph.questions)
    assert set(kinds) == {
        "person",
        "place",
        "river",
        "organisation",
        "event",
        "year",
        "date",
        "number",
        "object",
        "profession",
    }
    assert max(kinds.values()) < 0.35 * kinds.total()


def test_the_kind_of_answer_alone_does_not_tell_the_answer():
    distracted = 0
    for paragraph in generated("validation", 300):
        kinds = Counter(question.kind for question in paragraph.questions)
        distracted += sum(kinds[question.kind] > 1 for question in paragraph.questions)
    assert distracted > 0.6 * 5 * 300


def test_the_same_seed_gives_the_same_paragraphs_and_another_one_others():
    first = list(islice(paragraphs(1, "train"), 20))
    assert first == list(islice(paragraphs(1, "train"), 20))
    assert first != list(islice(paragraphs(2, "train"), 20))
