"""One finding of the checks before a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.errors import UserError

Level = Literal["ok", "info", "warning", "error"]
Subject = Literal["task", "model", "recipe", "teacher", "data", "output"]


@dataclass(frozen=True)
class Problem:
    """What was found about `subject`: `error` keeps the run from starting, `ok` says what is in order."""

    level: Level
    subject: Subject
    message: str
    hint: str = ""

    @classmethod
    def of(cls, subject: Subject, error: UserError) -> Problem:
        """An error of the user about `subject`."""
        return cls("error", subject, error.message, error.hint)
