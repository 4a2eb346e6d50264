"""Answers over a pipe: one JSON object a line in, one a line out.

First line out: `{"ready": true, "model", "size_bytes", …}`. In: `{"id", "question", "context", "top_k"}`.
Out: `{"id", "answers": [{"answer", "score", "start", "end"}], "windows", "milliseconds": {"tokenise", "run", …}}`
or `{"id", "error"}`. A line that cannot be read is answered with an error, and the next one is read.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from engine.errors import UserError, plain
from engine.pipeline.pipeline import Answer, Pipeline

OPTIONS = ("top_k", "doc_stride", "max_answer_length", "n_best_size")


def serve(pipeline: Pipeline, lines: BinaryIO, out: BinaryIO) -> None:
    """Answer every line of `lines` until it ends."""
    _write(out, _greeting(pipeline))
    for line in lines:
        if line.strip():
            _write(out, respond(pipeline, line))


def respond(pipeline: Pipeline, line: bytes) -> dict[str, Any]:
    """The response to one request line; never raises for what a line holds."""
    request: Any = None
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise UserError("a request is a JSON object", 'send {"id": 1, "question": "…", "context": "…"}')
        options = {name: request[name] for name in OPTIONS if request.get(name) is not None}
        answer = pipeline.answer(request.get("question", ""), request.get("context", ""), **options)
    except Exception as error:
        identity = request.get("id") if isinstance(request, dict) else None
        return {"id": identity, "error": _reason(error)}
    return {"id": request.get("id"), **answer_as_dict(answer)}


def answer_as_dict(answer: Answer) -> dict[str, Any]:
    """An answer as JSON: `answers`, `milliseconds`, `windows`."""
    answers = [
        {"answer": item.text, "score": item.probability, "start": item.start, "end": item.end}
        for item in answer.candidates
    ]
    times = answer.milliseconds
    parts = {"tokenise": times.tokenise, "run": times.run, "decode": times.decode}
    return {
        "answers": answers,
        "milliseconds": {name: round(value, 3) for name, value in parts.items()},
        "windows": answer.windows,
    }


def _greeting(pipeline: Pipeline) -> dict[str, Any]:
    deployment = pipeline.deployment
    facts = {"ready": True, "model": str(deployment.model_file), "size_bytes": deployment.size_bytes}
    return {**facts, "window": pipeline.max_length, "about": deployment.about}


def _reason(error: Exception) -> str:
    if isinstance(error, UserError):
        return plain(str(error))
    if isinstance(error, ValueError):
        return f"the line is not JSON text in UTF-8: {plain(str(error), 200)}"
    return f"{type(error).__name__}: {plain(str(error), 400)}"


def _write(out: BinaryIO, value: dict[str, Any]) -> None:
    out.write(json.dumps(value).encode("ascii") + b"\n")
    out.flush()
