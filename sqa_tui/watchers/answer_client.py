"""Asks an exported model through a child process: no model is ever loaded here, and a crash costs one answer."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
from textual.message_pump import MessagePump

from engine.errors import plain
from sqa_tui.answers import Greeting, Reply
from sqa_tui.messages import ModelReady, QuestionAnswered, QuestionFailed

Command = Callable[[Path], list[str]]


def pipeline_command(model: Path) -> list[str]:
    """The program that answers from a deployment folder."""
    return [sys.executable, "-m", "engine.pipeline", str(model), "--stdin"]


class ChildDiedError(Exception):
    """The child ended without an answer; the text is the last it said."""


@dataclass(frozen=True)
class _Question:
    id: int
    question: str
    context: str
    top_k: int

    def line(self) -> bytes:
        fields = {"id": self.id, "question": self.question, "context": self.context, "top_k": self.top_k}
        return json.dumps(fields).encode() + b"\n"


class _Child:
    """One process that answers, from its greeting to its end."""

    def __init__(self, command: list[str]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONSAFEPATH": "1", "TOKENIZERS_PARALLELISM": "false"},
        )

    def send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except OSError as error:
            raise ChildDiedError(self._last_words()) from error

    def receive(self) -> bytes:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise ChildDiedError(self._last_words())
        return line

    def _last_words(self) -> str:
        code = self.process.wait()
        self._errors.seek(0)
        lines = [line for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        said = lines[-1].removeprefix("error: ") if lines else f"it ended with code {code} and said nothing"
        return plain(said, 400)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class AnswerClient(threading.Thread):
    """A thread with a child process for one deployment folder; posts what it learns to `target`.

    The model is loaded at once. A child found dead is replaced, and the question asked again, once.
    """

    def __init__(self, name: str, model: Path, target: MessagePump, command: Command = pipeline_command) -> None:
        super().__init__(name=name, daemon=True)
        self.model = model
        self._target = target
        self._command = command
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._child: _Child | None = None
        self._asked = 0
        self._closed = False

    def ask(self, question: str, context: str, top_k: int) -> int:
        """Ask; the number returned comes back with the answer."""
        self._asked += 1
        self._questions.put(_Question(self._asked, question, context, top_k))
        return self._asked

    def close(self) -> None:
        """End thread and child; nothing is posted any more."""
        self._closed = True
        self._questions.put(None)
        child = self._child
        if child is not None:
            with contextlib.suppress(OSError):
                child.process.kill()

    def run(self) -> None:
        self._try_to_load()
        while (question := self._questions.get()) is not None and not self._closed:
            self._answer(question)
        self._drop()

    def _try_to_load(self) -> None:
        try:
            self._load()
        except (ChildDiedError, OSError, msgspec.DecodeError) as error:
            self._fail(None, error)

    def _load(self) -> _Child:
        if self._child is None:
            self._child = child = _Child(self._command(self.model))
            if self._closed:
                child.process.kill()
            greeting = msgspec.json.decode(child.receive(), type=Greeting)
            self._post(ModelReady(self.name, greeting))
        return self._child

    def _answer(self, question: _Question) -> None:
        try:
            reply = self._ask_living(question)
        except (ChildDiedError, OSError, msgspec.DecodeError) as error:
            self._fail(question.id, error)
            return
        if reply.error is not None:
            self._post(QuestionFailed(self.name, question.id, plain(reply.error, 400)))
        else:
            self._post(QuestionAnswered(self.name, question.id, reply.answered()))

    def _ask_living(self, question: _Question) -> Reply:
        fresh = self._child is None
        try:
            return self._exchange(question)
        except ChildDiedError:
            if fresh or self._closed:
                raise
            self._drop()
            return self._exchange(question)

    def _exchange(self, question: _Question) -> Reply:
        child = self._load()
        child.send(question.line())
        return msgspec.json.decode(child.receive(), type=Reply)

    def _fail(self, request: int | None, error: Exception) -> None:
        self._drop()
        self._post(QuestionFailed(self.name, request, plain(str(error) or type(error).__name__, 400)))

    def _drop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def _post(self, message: ModelReady | QuestionAnswered | QuestionFailed) -> None:
        if not self._closed:
            self._target.post_message(message)
