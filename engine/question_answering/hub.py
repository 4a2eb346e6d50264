"""What can be said of names and uploads of the Hugging Face hub without the network."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import plain
from engine.question_answering.problem import Problem, Subject
from engine.zoo.hub_cache import cache_home, cached_model, offline_variable, snapshots

UPLOAD_THREAD = "upload"
"""Name of the threads that send models."""
_NAME = re.compile(r"(?:[\w.-]{1,96}/)?[\w.-]{1,96}", re.ASCII)
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def check_uploads(arguments: Mapping[str, Any]) -> list[Problem]:
    """Whether what --push_to_hub needs is there; the hub itself is asked by the engine, before it trains."""
    if not arguments.get("push_to_hub"):
        return []
    if offline := offline_variable():
        return [Problem("error", "output", f"--push_to_hub, but {offline} forbids the network", f"unset {offline}")]
    problems: list[Problem] = []
    if not (arguments.get("do_train") or arguments.get("one_shot")):
        hint = "add --do_train or --one_shot, or send a folder with `hf upload`"
        problems.append(Problem("error", "output", "--push_to_hub, but this run makes no model", hint))
    if not (arguments.get("hub_model_id") or arguments.get("output_dir")):
        hint = "give --hub_model_id ORGANISATION/NAME"
        problems.append(Problem("error", "output", "--push_to_hub, but the repository has no name", hint))
    name = str(arguments.get("hub_model_id") or Path(str(arguments.get("output_dir") or "output")).absolute().name)
    if not _NAME.fullmatch(name) or ".." in name or "--" in name:
        said = f"not a name of a repository on the hub: {plain(name)}"
        problems.append(Problem("error", "output", said, "give --hub_model_id ORGANISATION/NAME"))
    if not (arguments.get("hub_token") or any(map(os.environ.get, _TOKENS)) or _token_file().is_file()):
        hint = "log in with `hf auth login`, or set HF_TOKEN"
        problems.append(Problem("error", "output", "--push_to_hub, but there is no token for the hub", hint))
    return problems


def _token_file() -> Path:
    if written := os.environ.get("HF_TOKEN_PATH"):
        return Path(written).expanduser()
    return cache_home() / "token"


def check_hub_name(subject: Subject, name: str, cache_dir: str | None = None) -> Problem:
    """Whether the hub's cache has `name`, whether it may be fetched, and whether a local folder was perhaps meant."""
    if cached_model(name, cache_dir) is not None:
        return Problem("ok", subject, f"{plain(name)}: from the cache of the Hugging Face hub")
    if offline := offline_variable():
        has = "only a part of it" if snapshots(name, cache_dir) else "no such model"
        message = f"no folder ./{plain(name)}, and the cache of the Hugging Face hub has {has}"
        return Problem("error", subject, message, f"name a folder, or unset {offline} to fetch it")
    if "/" not in name or Path(name).parent.is_dir():
        message = f"no folder ./{plain(name)}; taken as a hub id"
        return Problem("warning", subject, message, "name the folder if a local model is meant")
    return Problem("ok", subject, f"{plain(name)}: from the Hugging Face hub")
