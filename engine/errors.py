"""Errors a user can cause, and how every program of the project reports them."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

EXIT_FAILED = 1
EXIT_USAGE = 2
_JOINING = frozenset("\u00ad\u200c\u200d\ufe0f")
"""Format characters that words and emoji are written with; unlike those for direction they move nothing."""


class UserError(Exception):
    """Something a user can mend: one line that says what and where, and a hint that says what to do now."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class RunFailure(Exception):  # noqa: N818 - the field's word; it ends up in the run's exit event
    """The run cannot go on, and not because of what the user wrote; `hint` says what to change."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def plain(text: str, limit: int = 2000) -> str:
    """Foreign text made safe for a terminal: one line, no control characters or escape codes, at most `limit` long."""
    spaced = " ".join(text.split())
    cleaned = "".join(
        character if character.isprintable() or character in _JOINING else "\N{REPLACEMENT CHARACTER}"
        for character in spaced
    )
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def run_program(program: Callable[[], int | None]) -> int:
    """Run `program` and turn what it raises into an exit code and at most one line on stderr.

    Returns 2 for a `UserError`, 1 for a `RunFailure`, 130 for an interrupt and 1 for anything else; the traceback of
    the last is shown only where ``SQA_TRACEBACK=1`` asks for it.
    """
    try:
        return program() or 0
    except UserError as error:
        print(f"error: {plain(str(error))}", file=sys.stderr)
        return EXIT_USAGE
    except RunFailure as failure:
        print(f"error: {plain(f'{failure.message} ({failure.hint})')}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) went away: nothing more to say, and Python must not complain at shutdown either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("SQA_TRACEBACK") == "1":
            traceback.print_exc()
        print(f"error: {type(error).__name__}: {plain(str(error))} (SQA_TRACEBACK=1 shows where)", file=sys.stderr)
        return EXIT_FAILED
