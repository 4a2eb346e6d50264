"""Questions from files: official SQuAD JSON, rows as JSON, JSON lines or CSV, each also gzipped, and Parquet; the
content decides.

Standard library only (but for the rows of Parquet): the checks before a run read the same files with it.
"""

from __future__ import annotations

import ast
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain
from engine.question_answering.examples import FORMATS, Answer, Example, ExampleSet, Purpose, checked
from engine.question_answering.parquet import check_parquet, is_parquet, parquet_rows

_GZIP = b"\x1f\x8b"
_COLUMNS = ("question", "context", "answers")
_NAME_THEM = "name the columns question, context and answers"
_MEGABYTE = 1 << 20


def read_examples(path: str | Path, purpose: Purpose, *, version_2: bool = False) -> ExampleSet:
    """All questions of a file, checked for `purpose`. Raises `UserError` that names the file and what was expected."""
    file = Path(path).expanduser()
    if is_parquet(file):
        return checked(list(_from_rows(parquet_rows(file), str(path))), str(path), purpose, version_2=version_2)
    text = read_text(path)
    found = checked(parse_examples(text, str(path)), str(path), purpose, version_2=version_2)
    renamed = _renaming(text)
    return replace(found, notes=(f"{path}: {renamed}", *found.notes)) if renamed else found


def parse_examples(text: str, source: str) -> list[Example]:
    """Questions from the text of a file; `source` is its name in errors."""
    if not text.strip():
        raise UserError(f"{source}: the file is empty", f"expected: {FORMATS}")
    if not _is_json_like(text):
        return _from_csv(text, source)
    content = _json(text, source)
    articles = content.get("data", [content]) if isinstance(content, dict) else content
    if not isinstance(articles, list):
        raise UserError(f"{source}: `data` is not a list", f"expected: {FORMATS}")
    if any(isinstance(item, dict) and "paragraphs" in item for item in articles):
        return list(_from_articles(articles, source))
    return list(_from_rows(articles, source))


def _is_json_like(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[")


def _from_csv(text: str, source: str) -> list[Example]:
    try:
        examples = list(_from_rows(_csv_rows(text, source), source))
    except UserError as error:
        renamed = _renaming(text)
        raise UserError(f"{error.message}; {renamed}" if renamed else error.message, error.hint) from None
    if examples and (renamed := _renaming(text)) and all(item.question.strip().isdigit() for item in examples):
        raise UserError(f"{source}: the questions are numbers; {renamed}", _NAME_THEM)
    return examples


def read_text(path: str | Path, limit: int | None = None) -> str:
    """The text of a plain or gzipped UTF-8 file, at most `limit` bytes of it."""
    try:
        with _open(Path(path).expanduser()) as stream:
            data = stream.read() if limit is None else stream.read(limit)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file", "check the path") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: the gzip file is damaged or cut off ({error})", "fetch the file again") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", "check the path and its permissions") from None
    try:
        return data.decode("utf-8-sig", errors="strict" if limit is None else "ignore")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})", f"expected: {FORMATS}") from None


def _open(path: Path) -> io.BufferedIOBase:
    with path.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")


def _json(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        first, _, rest = text.lstrip().partition("\n")
        if not rest.strip() or not _is_json(first):
            raise UserError(f"{source}: broken JSON: {error}", f"expected: {FORMATS}") from None
    except RecursionError:
        raise UserError(f"{source}: JSON nested too deeply", f"expected: {FORMATS}") from None
    return [_json_line(number, line, source) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _json_line(number: int, line: str, source: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise UserError(f"{source}:{number}: broken JSON: {error}", "every line must be one JSON object") from None


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _csv_rows(text: str, source: str) -> Iterator[dict[str, Any]]:
    # A context may be longer than the csv module's cautious limit of 128 KB.
    csv.field_size_limit(64 * _MEGABYTE)
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        names = next(reader)
        if len(names) < 2:
            raise UserError(f"{source}: neither JSON nor CSV with columns", f"expected: {FORMATS}")
        try:
            names = _column_names(names)
        except ValueError as error:
            raise UserError(f"{source}: {error}", _NAME_THEM) from None
        for cells in reader:
            if cells:
                yield dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise UserError(f"{source}:{reader.line_num}: broken CSV: {error}", f"expected: {FORMATS}") from None


def _column_names(names: list[str]) -> list[str]:
    """Column names as written; without question and context among them, the first three columns take their names.

    Raises ValueError where that would give the name of one of the three to another column.
    """
    cleaned = [name.strip() for name in names]
    if "question" in cleaned and "context" in cleaned:
        return cleaned
    if any(name in cleaned and cleaned.index(name) != place for place, name in enumerate(_COLUMNS)):
        missing = " and ".join(name for name in ("question", "context") if name not in cleaned)
        raise ValueError(f"no column {missing} among {_listed(cleaned)}")
    return [*_COLUMNS[: len(cleaned)], *cleaned[len(_COLUMNS) :]]


def _renaming(text: str) -> str:
    """What is to be said about columns that were taken by their position; nothing where they are named."""
    if not text.strip() or _is_json_like(text):
        return ""
    try:
        written = [name.strip() for name in next(csv.reader(io.StringIO(text, newline="")), [])]
        taken = _column_names(written)
    except (ValueError, csv.Error):
        return ""
    count = min(len(_COLUMNS), len(written))
    return "" if taken == written else f"columns {_listed(written[:count])} are read as {_listed(taken[:count])}"


def _listed(names: list[str]) -> str:
    return plain(", ".join(names), 200)


def _from_articles(articles: list[Any], source: str) -> Iterator[Example]:
    number = 0
    try:
        for article in articles:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    number += 1
                    yield _example({**question, "context": paragraph["context"]}, number, article.get("title", ""))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"{source}: question {number}: {_fault(error)}",
            "expected data[].paragraphs[].{context, qas[].{id, question, answers[].{text, answer_start}}}",
        ) from None


def _from_rows(rows: Any, source: str) -> Iterator[Example]:
    number = 0
    for number, row in enumerate(rows, 1):
        try:
            yield _example(row, number, row.get("title", ""))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise UserError(
                f"{source}: row {number}: {_fault(error)}",
                "expected question, context and answers {text: [...], answer_start: [...]}",
            ) from None


def _fault(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return "not an object" if isinstance(error, (AttributeError, TypeError)) else plain(str(error), 200)


def _example(row: Mapping[str, Any], number: int, title: Any) -> Example:
    question, context = row["question"], row["context"]
    if not isinstance(question, str) or not isinstance(context, str):
        raise ValueError("question and context must be text")
    answers = () if row.get("is_impossible") is True else tuple(_answers(row.get("answers")))
    return Example(str(row.get("id", number)), question, context, answers, str(title or ""))


def _answers(value: Any) -> Iterator[Answer]:
    if isinstance(value, str):
        value = _literal(value)
    if not value:
        return
    if not isinstance(value, (Mapping, list, tuple)):
        raise ValueError(f"answers {plain(str(value), 60)!r} are no object with text and answer_start")
    if isinstance(value, Mapping):
        texts = value["text"]
        starts = value.get("answer_start", [-1] * len(texts))
        if isinstance(texts, str) or len(texts) != len(starts):
            raise ValueError("answers.text and answers.answer_start must be lists of one length")
        pairs = zip(texts, starts, strict=True)
    else:
        pairs = ((item["text"], item.get("answer_start", -1)) for item in value)
    for text, start in pairs:
        if not isinstance(text, str):
            raise ValueError("an answer's text must be text")
        yield Answer(text, -1 if start is None else int(start))


def _literal(text: str) -> Any:
    """The answers of a CSV cell, written as JSON or as a Python literal."""
    if not text.strip():
        return None
    try:
        return json.loads(text) if _is_json(text) else ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"answers {plain(text, 60)!r} are neither JSON nor a Python literal") from None


def peek(path: str | Path, purpose: Purpose, limit: int = _MEGABYTE) -> int | None:
    """Check a file for `purpose` by its beginning: how many questions it has, None if it is longer than `limit` bytes.

    Raises `UserError` as `read_examples` does, for as much as the beginning shows.
    """
    if is_parquet(Path(path).expanduser()):
        return check_parquet(Path(path).expanduser())
    text = read_text(path, limit + 1)
    if len(text.encode()) <= limit:
        return len(read_examples(path, purpose).examples)
    head = text.lstrip()[:1]
    if not head or (head in "{[" and '"question"' not in text):
        raise UserError(f"{path}: no questions in its first megabyte", f"expected: {FORMATS}")
    if head not in "{[":
        list(islice(_csv_rows(text, str(path)), 2))
    elif purpose != "predict" and '"answers"' not in text:
        raise UserError(f"{path}: a dataset without answers", "training and evaluation rows need answers")
    return None
