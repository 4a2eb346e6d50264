"""The child's side of a call: one JSON request a process, answers as JSON lines, and an end with the parent's."""

from __future__ import annotations

import errno
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from engine.errors import UserError, plain

Handler = Callable[[Mapping[str, Any]], Any]

_answers = 1
"""Descriptor that the answers go to; `serve` makes it one that no library prints on."""


def emit(event: str, **fields: Any) -> None:
    """One line to the parent."""
    os.write(_answers, msgspec.json.encode({"event": event, **fields}) + b"\n")


def serve(prepare: Callable[[], None], handlers: Mapping[str, Handler]) -> int:
    """Read the request, let the handler of its ``op`` answer it, and say how that ended.

    Args:
        prepare: Imports what the handlers need; it may take long, and the parent waits longer for it.
        handlers: By ``op``; what they return is the call's value, a `UserError` its error.
    """
    global _answers
    _answers = os.dup(1)
    os.dup2(2, 1)
    request: dict[str, Any] = msgspec.json.decode(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        prepare()
        emit("ready")
        emit("result", value=handlers[request["op"]](request))
    except UserError as error:
        emit("error", message=error.message, hint=error.hint)
    except Exception as error:
        traceback.print_exc()
        emit("error", **_in_words(error))
    return 0


def _in_words(error: Exception) -> dict[str, str]:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return {"message": "no space is left on the disk", "hint": "free some: the download goes on from where it is"}
    return {"message": f"{type(error).__name__}: {plain(str(error), 300)}", "hint": ""}


def _end_with_parent() -> None:
    """The parent keeps our standard input open for as long as it lives."""
    sys.stdin.buffer.read()
    os._exit(1)
