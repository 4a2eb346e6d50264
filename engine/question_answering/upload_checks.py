"""Whether a run can send its model to the Hugging Face hub, as far as that is known without the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.errors import plain
from engine.question_answering.problem import Problem
from engine.zoo.hub_cache import offline_variable

UPLOAD_THREAD = "upload"
"""Name of the threads that send models."""
_NAME_IT = "give --hub_model_id ORGANISATION/NAME"


def check_uploads(arguments: Mapping[str, Any]) -> list[Problem]:
    """What --push_to_hub lacks; the hub itself is asked by the engine, before it trains."""
    if not arguments.get("push_to_hub"):
        return []
    return [Problem("error", "output", message, hint) for message, hint in _lacking(arguments)]


def _lacking(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # Only where something is to be sent: the library takes a moment to load.
    from huggingface_hub import get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if offline := offline_variable():
        yield f"--push_to_hub, but {offline} forbids the network", f"unset {offline}"
    if not (arguments.get("do_train") or arguments.get("one_shot")):
        yield "--push_to_hub, but this run makes no model", "add --do_train or --one_shot, or use `hf upload`"
    name = arguments.get("hub_model_id") or Path(arguments.get("output_dir") or "").name
    if not name:
        yield "--push_to_hub, but the repository has no name", _NAME_IT
        return
    try:
        validate_repo_id(name)
    except HFValidationError:
        yield f"not a name of a repository on the hub: {plain(name)}", _NAME_IT
    if not (arguments.get("hub_token") or get_token()):
        yield "--push_to_hub, but there is no token for the hub", "log in with `hf auth login`, or set HF_TOKEN"
