"""Which questions a run trains, evaluates and predicts on: files, the bundled demo set, or a dataset of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.errors import UserError, plain
from engine.hub_reach import quick_where_unreachable
from engine.question_answering.data import read_examples
from engine.question_answering.examples import Answer, Example, ExampleSet, Purpose, checked

if TYPE_CHECKING:
    from engine.question_answering.arguments import DataTrainingArguments

DEMO = "facts"
_SPLITS: dict[Purpose, tuple[str, ...]] = {
    "train": ("train",),
    "evaluate": ("validation", "dev"),
    "predict": ("test",),
}
_FILES: dict[Purpose, str] = {"train": "train_file", "evaluate": "validation_file", "predict": "test_file"}
_LIMITS: dict[Purpose, str] = {
    "train": "max_train_samples",
    "evaluate": "max_eval_samples",
    "predict": "max_predict_samples",
}


def load_examples(
    arguments: DataTrainingArguments, purpose: Purpose, *, cache_dir: str | None = None, token: bool = False
) -> ExampleSet:
    """The questions for `purpose`, cut to its `max_*_samples`. Raises `UserError` that says what is missing."""
    found = _load(arguments, purpose, cache_dir, token)
    return found.first(getattr(arguments, _LIMITS[purpose]))


def _load(arguments: DataTrainingArguments, purpose: Purpose, cache_dir: str | None, token: bool) -> ExampleSet:
    version_2 = arguments.version_2_with_negative
    file = getattr(arguments, _FILES[purpose])
    # A file for this purpose wins over the dataset's own split, so that a set of one's own can be evaluated.
    if file is not None:
        return read_examples(file, purpose, version_2=version_2)
    if arguments.dataset_name is None:
        raise UserError(f"no questions to {purpose} on", f"give --dataset_name or --{_FILES[purpose]}")
    if arguments.dataset_name == DEMO:
        return _demo(purpose, version_2)
    rows = _hub_rows(arguments, purpose, cache_dir, token)
    return checked(rows, arguments.dataset_name, purpose, version_2=version_2)


def _demo(purpose: Purpose, version_2: bool) -> ExampleSet:
    from engine.zoo.demo import dataset_file

    return read_examples(dataset_file("train" if purpose == "train" else "validation"), purpose, version_2=version_2)


def _hub_rows(arguments: DataTrainingArguments, purpose: Purpose, cache_dir: str | None, token: bool) -> list[Example]:
    import datasets

    name = plain(str(arguments.dataset_name), 100)
    answers = True
    try:
        with quick_where_unreachable(arguments.dataset_name) as answers:
            loaded: Any = datasets.load_dataset(
                str(arguments.dataset_name),
                arguments.dataset_config_name,
                cache_dir=cache_dir,
                token=token or None,
                download_mode="force_redownload" if arguments.overwrite_cache else None,
            )
    except (OSError, ValueError, RuntimeError) as error:
        said = plain(str(error), 200) if answers else "it is not in the cache, and the Hugging Face hub does not answer"
        raise UserError(
            f"dataset {name} cannot be had: {said}",
            f"without a network use --dataset_name {DEMO} (bundled) or --{_FILES[purpose]} with a SQuAD file",
        ) from error
    split = next((item for item in _SPLITS[purpose] if item in loaded), None)
    if split is None:
        raise UserError(f"dataset {name} has no {_SPLITS[purpose][0]} split", f"it has: {', '.join(loaded)}")
    return [_row(row, number, name) for number, row in enumerate(loaded[split], 1)]


def _row(row: Mapping[str, Any], number: int, name: str) -> Example:
    columns = list(row)
    # As in the original: by name, else the first three columns.
    question, context, answers = (
        row[wanted] if wanted in row else row[columns[place]] if place < len(columns) else None
        for place, wanted in enumerate(("question", "context", "answers"))
    )
    try:
        pairs = zip(answers["text"], answers["answer_start"], strict=True) if answers else ()
        found = tuple(Answer(str(text), int(start)) for text, start in pairs)
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"dataset {name}: row {number}: answers are not {{text, answer_start}}",
            "is it a question-answering dataset?",
        ) from None
    return Example(str(row.get("id", number)), str(question), str(context), found, str(row.get("title", "")))
