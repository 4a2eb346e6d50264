"""Questions from files of every kind, and what is said about broken ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.question_answering.data import peek, read_examples
from engine.question_answering.examples import Answer

CONTEXT = "Ada Lindqvist moved to Upper Wending in 1843."
ROWS = [
    {"id": "a", "question": " When?", "context": CONTEXT, "answers": {"text": ["1843"], "answer_start": [40]}},
    {"id": "b", "question": "Who?", "context": CONTEXT, "answers": {"text": [], "answer_start": []}},
]
NESTED = {
    "version": "1.1",
    "data": [
        {
            "title": "t",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {"id": "a", "question": " When?", "answers": [{"text": "1843", "answer_start": 40}]},
                        {"id": "b", "question": "Who?", "is_impossible": True, "answers": []},
                    ],
                }
            ],
        }
    ],
}
CSV = (
    "id,question,context,answers\n"
    f"a, When?,\"{CONTEXT}\",\"{{'text': ['1843'], 'answer_start': [40]}}\"\n"
    f'b,Who?,"{CONTEXT}","{{""text"": [], ""answer_start"": []}}"\n'
)
FORMS = {
    "nested": json.dumps(NESTED),
    "list": json.dumps(ROWS),
    "data": json.dumps({"data": ROWS}, indent=1),
    "lines": "\n".join(map(json.dumps, ROWS)) + "\n",
    "csv": CSV,
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_all_forms_give_the_same_questions(tmp_path: Path, form: str, packed: bool) -> None:
    # The name says nothing: content decides.
    file = tmp_path / "questions.bin"
    file.write_bytes(gzip.compress(FORMS[form].encode()) if packed else FORMS[form].encode())
    found = read_examples(file, "train", version_2=True)
    assert [(item.id, item.question, item.context) for item in found.examples] == [
        ("a", " When?", CONTEXT),
        ("b", "Who?", CONTEXT),
    ]
    assert [item.answers for item in found.examples] == [(Answer("1843", 40),), ()]
    assert found.notes == ()
    assert peek(file, "train") == 2


def test_csv_without_names_goes_by_position(tmp_path: Path) -> None:
    file = tmp_path / "q.csv"
    file.write_text("q,c,a\nWhen?,in 1843,\"{'text': ['1843'], 'answer_start': [3]}\"\n")
    found = read_examples(file, "train")
    assert found.examples[0].answers == (Answer("1843", 3),)
    assert found.notes == (f"{file}: columns q, c, a are read as question, context, answers",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("idx,text,q\n1,Paris is old.,What is old?\n", "row 1: answers 'What is old?' are neither JSON"),
        ("idx,text,q\n1,Paris is old.,3\n", "row 1: answers '3' are no object"),
        ("idx,text,q\n1,Paris is old.,[]\n", "the questions are numbers"),
    ],
)
def test_columns_that_cannot_be_what_their_position_says_are_named(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "q.csv"
    file.write_text(content)
    with pytest.raises(UserError) as caught:
        read_examples(file, "predict")
    assert message in caught.value.message
    assert "columns idx, text, q are read as question, context, answers" in caught.value.message


def test_columns_are_not_taken_from_one_another(tmp_path: Path) -> None:
    file = tmp_path / "q.csv"
    file.write_text("context,asked,answers\nParis is old.,What?,[]\n")
    for read in (read_examples, peek):
        with pytest.raises(UserError, match="no column question among context, asked, answers"):
            read(file, "predict")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b'{"data": []}', "no questions"),
        (b'{"data": [{"paragraphs": [{"context": "c", "qas": [{"id": "a"}]}]}]}', "question 1: 'question' is missing"),
        (b'[{"question": "?", "context": 3}]', "row 1: question and context must be text"),
        (b'[{"question": "?", "context": "c", "answers": {"text": "c", "answer_start": [0]}}]', "lists of one length"),
        (b'{"question": "?", "context": "c"}\n{"question": ', ":2: broken JSON"),
        (b'{"data": ', "broken JSON"),
        (b"just words", "neither JSON nor CSV"),
        (b"question,context,answers\n?,c,{{{\n", "neither JSON nor a Python literal"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[1, 2]", "row 1: not an object"),
        (gzip.compress(json.dumps(NESTED).encode(), mtime=0)[:60], "damaged or cut off"),
        (json.dumps([ROWS[1]]).encode(), "a dataset without answers"),
    ],
)
def test_broken_files_are_named_with_what_was_expected(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "bad"
    file.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_examples(file, "train")
    assert message in caught.value.message
    assert str(file) in caught.value.message
    assert caught.value.hint


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_examples(tmp_path / "none.json", "evaluate")


def test_predicting_needs_no_answers(tmp_path: Path) -> None:
    file = tmp_path / "test.json"
    file.write_text(json.dumps([ROWS[1]]))
    assert len(read_examples(file, "predict").examples) == 1


def test_misplaced_answers_are_counted_and_left_alone(tmp_path: Path) -> None:
    wrong = {**ROWS[0], "answers": {"text": ["1843"], "answer_start": [2]}}
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps([ROWS[0], wrong]))
    found = read_examples(file, "train")
    assert found.examples[1].answers == (Answer("1843", 2),)
    assert any("1 of 2 questions" in note and "answer_start" in note for note in found.notes)
    # The same id twice would lose an answer when predictions are kept by id.
    assert [item.id for item in found.examples] == ["a", "a#2"]
    assert any("more than once" in note for note in found.notes)


def test_unanswerable_questions_are_pointed_out_where_version_1_is_trained(tmp_path: Path) -> None:
    file = tmp_path / "two.json"
    file.write_text(json.dumps(ROWS))
    assert "--version_2_with_negative" in read_examples(file, "train").notes[0]
    assert "left out" in read_examples(file, "evaluate").notes[0]


def test_a_look_at_a_long_file_reads_its_beginning_only(tmp_path: Path) -> None:
    file = tmp_path / "long.json"
    file.write_text(json.dumps(ROWS * 40))
    assert peek(file, "train", limit=500) is None
    file.write_text(json.dumps([{"question": "?", "context": "c" * 900}] * 9))
    with pytest.raises(UserError, match="without answers"):
        peek(file, "train", limit=1000)
    file.write_text("{" + " " * 2000 + "}")
    with pytest.raises(UserError, match="no questions"):
        peek(file, "train", limit=1000)


def parquet(path: Path, rows: list[dict[str, object]]) -> Path:
    import pyarrow
    from pyarrow import parquet as format_of

    format_of.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def test_parquet_gives_the_same_questions(tmp_path: Path) -> None:
    file = parquet(tmp_path / "questions.bin", ROWS)
    assert peek(file, "train") is None
    found = read_examples(file, "train", version_2=True).examples
    assert [(item.id, item.question, item.answers) for item in found] == [
        ("a", " When?", (Answer("1843", 40),)),
        ("b", "Who?", ()),
    ]


def test_parquet_that_is_cut_off_or_something_else(tmp_path: Path) -> None:
    file = parquet(tmp_path / "questions.parquet", ROWS)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(UserError, match="damaged or cut off"):
        peek(file, "train")
    with pytest.raises(UserError, match="not readable as Parquet"):
        read_examples(file, "train")
    with pytest.raises(UserError, match="no column context among question, text"):
        read_examples(parquet(tmp_path / "other", [{"question": "?", "text": "x"}]), "train")
