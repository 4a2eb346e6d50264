"""Ask an exported model: `Pipeline.create(task="question-answering", model_path=…)(question=…, context=…)`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from engine.errors import UserError, plain
from engine.pipeline.deployment import MODEL_FILE, Deployment, find_deployment
from engine.pipeline.keywords import deepsparse_names
from engine.pipeline.runtime import OnnxModel
from engine.pipeline.windows import Window, batches, cut_windows, load_tokenizer
from engine.question_answering.spans import Candidate, Decoded, SpanSettings, WindowLogits, decode

TASKS = ("question-answering", "question_answering", "qa")
USUAL_LENGTH = 384
BATCH_SIZE = 8


@dataclass(frozen=True)
class Milliseconds:
    """Where the time of an answer went."""

    tokenise: float
    run: float
    decode: float


@dataclass(frozen=True)
class Answer:
    """Candidates, best first, with characters of the original context; `windows` is the number of pieces it took."""

    candidates: tuple[Candidate, ...]
    windows: int
    milliseconds: Milliseconds
    null_odds: float | None = None


class Pipeline:
    """A question-answering model ready to be asked. Make one with `Pipeline.create`."""

    def __init__(
        self, deployment: Deployment, model: OnnxModel, max_length: int | None = None, batch_size: int | None = None
    ) -> None:
        self.batch_size = batch_size or BATCH_SIZE
        self.deployment = deployment
        self.model = model
        self.tokenizer = load_tokenizer(deployment.tokenizer_file)
        self.max_length = self._window_length(max_length)
        self._padding_id = next((i for i in map(self.tokenizer.token_to_id, ("[PAD]", "<pad>")) if i is not None), 0)

    @classmethod
    def create(
        cls,
        task: str = "question-answering",
        model_path: str | Path = "",
        *,
        onnx_file_name: str = MODEL_FILE,
        max_length: int | None = None,
        threads: int | None = None,
        **others: Any,
    ) -> Pipeline:
        """Open the deployment in `model_path` (itself, or a model folder that holds one).

        `max_length` is the window in tokens (default: 384, or less where the model reads less), `threads` those of one
        run (default: the processors at hand). `others` are DeepSparse's names (`deepsparse_names`), of which
        `batch_size` is how many windows the model reads together. Raises `UserError` for what is missing or damaged.
        """
        translated = deepsparse_names(others)
        if task not in TASKS:
            raise UserError(f"unknown task {plain(task)!r}", f"this pipeline knows {TASKS[0]}")
        deployment = find_deployment(model_path, onnx_file_name)
        model = OnnxModel(deployment.model_file, threads=translated.get("threads", threads))
        return cls(deployment, model, translated.get("max_length", max_length), translated.get("batch_size"))

    def __call__(
        self, question: str | Sequence[str], context: str | Sequence[str], top_k: int = 1, **settings: Any
    ) -> dict[str, Any] | list[Any]:
        """`{'score', 'start', 'end', 'answer'}`, or a list of them for `top_k` above 1.

        Lists of questions and contexts give a list of such results; one context may serve several
        questions. `settings` are those of `answer`.
        """
        if not _is_list(question) and not _is_list(context):
            return _as_result(self.answer(cast(str, question), cast(str, context), top_k=top_k, **settings), top_k)
        pairs = _pairs(question, context)
        return [_as_result(self.answer(*pair, top_k=top_k, **settings), top_k) for pair in pairs]

    def answer(
        self,
        question: str,
        context: str,
        *,
        top_k: int = 1,
        doc_stride: int = 128,
        max_answer_length: int = 30,
        n_best_size: int = 20,
        version_2: bool = False,
        null_score_diff_threshold: float = 0.0,
    ) -> Answer:
        """The `top_k` best answers to one question, with timings.

        `doc_stride` tokens are shared by neighbouring windows, `max_answer_length` is in tokens; `version_2` lets the
        empty answer win. Scores are probabilities among the `n_best_size` best spans.
        """
        _check(question, context, top_k=top_k, max_answer_length=max_answer_length, doc_stride=doc_stride)
        best = max(n_best_size, top_k)
        settings = SpanSettings(best, max_answer_length, version_2, null_score_diff_threshold)
        begun = time.perf_counter()
        windows = cut_windows(self.tokenizer, question, context, self.max_length, doc_stride)
        if not any((window.offsets[:, 0] >= 0).any() for window in windows):
            raise UserError("the context holds no words", "give a text that holds the answer")
        tokenised = time.perf_counter()
        logits = self.logits(windows)
        ran = time.perf_counter()
        decoded = decode(context, logits, settings)
        candidates = _distinct(decoded)[:top_k]
        times = (tokenised - begun, ran - tokenised, time.perf_counter() - ran)
        return Answer(candidates, len(windows), Milliseconds(*(value * 1000 for value in times)), decoded.null_odds)

    def logits(self, windows: Sequence[Window]) -> list[WindowLogits]:
        """What the model says about each window."""
        found: list[WindowLogits] = []
        for group, inputs in batches(windows, self.model.fixed_batch or self.batch_size, self._padding_id):
            start, end = self.model.run(inputs)
            for row, window in enumerate(group):
                count = len(window.ids)
                found.append(WindowLogits(start[row, :count], end[row, :count], window.offsets))
        return found

    def _window_length(self, wanted: int | None) -> int:
        longest = self.model.fixed_length or self.deployment.longest_input()
        if wanted is not None and (wanted < 1 or (longest is not None and wanted > longest)):
            raise UserError(
                f"a window of {wanted} tokens", f"this model reads 1 to {longest or 'any number of'} tokens"
            )
        return wanted or min(USUAL_LENGTH, longest or USUAL_LENGTH)


def _check(question: str, context: str, **numbers: int) -> None:
    for name, text in (("question", question), ("context", context)):
        if not isinstance(text, str):
            raise UserError(f"the {name} is not a text", "give a string")
        if not text.strip():
            raise UserError(f"the {name} is empty", f"give a {name}")
        if not _is_unicode(text):
            raise UserError(f"the {name} holds half a character (a lone surrogate)", "send the text as UTF-8")
    for name, value in numbers.items():
        least = 0 if name == "doc_stride" else 1
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UserError(f"{name} is {value!r}", f"give a whole number, {least} or more")


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_list(value: object) -> bool:
    """Whether many were given: what is neither text nor a list is one text that is wrong."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _pairs(question: str | Sequence[str], context: str | Sequence[str]) -> list[tuple[str, str]]:
    questions = list(question) if _is_list(question) else [cast(str, question)]
    contexts = list(context) if _is_list(context) else [cast(str, context)] * len(questions)
    questions = questions if _is_list(question) else questions * len(contexts)
    if len(questions) != len(contexts):
        raise UserError(
            f"{len(questions)} questions and {len(contexts)} contexts", "give as many of one as of the other"
        )
    return list(zip(questions, contexts, strict=True))


def _distinct(decoded: Decoded) -> tuple[Candidate, ...]:
    """Candidates with the answer first; a span that two windows propose counts once, as the surer one."""
    spans: dict[tuple[int, int], Candidate] = {}
    for candidate in (decoded.best, *decoded.candidates):
        spans.setdefault((candidate.start, candidate.end), candidate)
    return tuple(spans.values())


def _as_result(answer: Answer, top_k: int) -> dict[str, Any] | list[dict[str, Any]]:
    results = [
        {"score": item.probability, "start": item.start, "end": item.end, "answer": item.text}
        for item in answer.candidates
    ]
    return results[0] if top_k == 1 else results
