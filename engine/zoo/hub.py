"""The Hugging Face hub as a source: its cache and our copies without a network, search and download with one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain
from engine.zoo.clients.process import OnEvent, call, ignore, never
from engine.zoo.entry import Entry
from engine.zoo.folder import Configuration, configuration, has_model, recipes
from engine.zoo.hub_cache import cached_model, cached_names, offline_variable
from engine.zoo.local import local_folder
from engine.zoo.source import Cancelled, Listing, OnProgress, Part, State, ZooFile
from engine.zoo.speed import Speedometer
from engine.zoo.stubs import is_stub

_PROGRAM = "engine.zoo.clients.hub_client"
_ASKS = "the Hugging Face hub"
_QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}


class HubSource:
    """Models by the ids of their repositories."""

    name = "hub"
    title = "the Hugging Face hub"
    can_fetch = True

    def state(self) -> State:
        """``offline`` where a variable forbids the network."""
        if variable := offline_variable():
            return State("offline", f"{variable} forbids the network: only what its cache has")
        endpoint = os.environ.get("HF_ENDPOINT")
        place = f"at {endpoint}" if endpoint else "huggingface.co"
        return State("unasked", f"{place}; asked when it is needed")

    def probe(self) -> State:
        """Whether it answers."""
        state = self.state()
        if not state.usable:
            return state
        try:
            said = self._call({"op": "probe"})
        except UserError as error:
            return State("unreachable", error.message)
        return State("ready", f"{state.reason.partition(';')[0]}: {said}")

    def entries(self) -> list[Entry]:
        """The models that its cache on this machine has completely."""
        return list(_cached())

    def find(self, name: str) -> Entry | None:
        """A model of the cache."""
        folder = cached_model(name) if not is_stub(name) and not os.path.isabs(name) else None
        return _of_cache(name, folder) if folder is not None else None

    def search(self, words: str, limit: int = 50) -> list[Entry]:
        """Models by words, most downloaded first; without words those that answer questions."""
        self._check_online()
        found: list[dict[str, Any]] = self._call({"op": "search", "words": words, "limit": limit})
        return [_of_search(info) for info in found]

    def folder(self, name: str) -> Path | None:
        """Our own copy, or a complete one in the hub's cache."""
        if is_stub(name):
            return None
        return local_folder(name) or cached_model(name)

    def files(self, name: str) -> Listing:
        """The files of the repository."""
        self._check_online()
        return _listing(self._call({"op": "files", "name": name}))

    def fetch(self, name: str, part: Part, staging: Path, on_progress: OnProgress, cancelled: Cancelled) -> Listing:
        """Download configuration, tokenizer and weights (safetensors where there are any) and check their checksums."""
        self._check_online()
        meter = Speedometer(name, self.name, on_progress)
        request = {"op": "fetch", "name": name, "part": part, "staging": str(staging)}
        return _listing(self._call(request, on_event=meter.take, cancelled=cancelled))

    def _call(self, request: Mapping[str, Any], on_event: OnEvent = ignore, cancelled: Cancelled = never) -> Any:
        return call(_PROGRAM, request, asks=_ASKS, environment=_QUIET, on_event=on_event, cancelled=cancelled)

    def _check_online(self) -> None:
        if variable := offline_variable():
            raise UserError(f"{variable} forbids to ask {_ASKS}", f"unset {variable}, or use what is on this machine")


def _cached() -> Iterator[Entry]:
    for name in cached_names():
        folder = cached_model(name)
        if folder is not None:
            yield _of_cache(name, folder)


def _of_cache(name: str, folder: Path) -> Entry:
    config = configuration(folder) or Configuration()
    return Entry(
        stub=name,
        title=f"{plain(name)}, {plain(config.model_type)}",
        architecture=plain(config.model_type),
        layers=config.layers,
        task="question_answering" if config.answers else "",
        path=folder,
        has_model=has_model(folder),
        has_recipe=bool(recipes(folder)),
        has_teacher=config.answers,
        source="hub",
        place="hub",
        note="in the hub's cache on this machine",
    )


def _of_search(info: Mapping[str, Any]) -> Entry:
    task = plain(info["task"]).replace("-", "_").replace("fill_mask", "masked_language_modeling")
    return Entry(
        stub=plain(info["id"]),
        title=f"{plain(info['id'])}, {plain(info['architecture']) or 'of unknown architecture'}",
        architecture=plain(info["architecture"]),
        dataset=plain(info["dataset"]),
        task=task,
        source="hub",
        note=f"on the hub: {info['downloads']} downloads; nothing is known of its sparsity",
    )


def _listing(answer: Mapping[str, Any]) -> Listing:
    files = (ZooFile(path=file["path"], size=file["size"], checksum=file["checksum"]) for file in answer["files"])
    return Listing(files=tuple(files), revision=answer["revision"])
