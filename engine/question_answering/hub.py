"""What can be said of a model named by its id on the Hugging Face hub, without the network."""

from __future__ import annotations

from pathlib import Path

from engine.errors import plain
from engine.question_answering.problem import Problem, Subject
from engine.zoo.hub_cache import cached_model, offline_variable, snapshots


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
