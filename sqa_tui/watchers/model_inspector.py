"""What a recipe does to a model, asked of the engine's program without waiting for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from engine.recipes.inspection import Inspection, Request, answer, inspection_command

Command = Callable[[str], list[str]]


async def inspect(model: str, request: Request, command: Command = inspection_command) -> Inspection:
    """Ask the program; it is ended where nobody waits for its answer any more.

    Raises:
        UserError: it is no question-answering model, or cannot be read.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command(model), stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        out, err = await process.communicate(msgspec.json.encode(request))
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    return answer(process.returncode or 0, out, err)
