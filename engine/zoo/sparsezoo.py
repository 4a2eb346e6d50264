"""A SparseZoo server as a source, for those who have a mirror or an installation of their own."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain
from engine.zoo.clients.process import OnEvent, call, ignore, never
from engine.zoo.entry import Entry, entry_of_stub
from engine.zoo.source import Cancelled, Listing, OnProgress, Part, State, ZooFile
from engine.zoo.speed import Speedometer
from engine.zoo.stubs import is_stub, parse_stub

URL_VARIABLE = "SPARSEZOO_API_URL"
VERSION = "1.8.1"
INSTALL = f"pip install requests pydantic && pip install --no-deps sparsezoo=={VERSION}"
_PROGRAM = "engine.zoo.clients.sparsezoo_client"
# Read by the client when it is imported: without the first it asks other servers where the user is, and may hang there.
_ENVIRONMENT = {"NM_DISABLE_ANALYTICS": "1", "TQDM_DISABLE": "1"}
_TASKS = ("question_answering", "masked_language_modeling")


class SparseZooSource:
    """The real client in a process of its own, pointed at the server of ``SPARSEZOO_API_URL``."""

    name = "sparsezoo"
    title = "a SparseZoo server"
    can_fetch = True

    def state(self) -> State:
        """``unavailable`` without the client or without a server, for the public one is gone."""
        version = _installed()
        if version is None:
            return State("unavailable", f"its client is not installed: {INSTALL}")
        if version != VERSION:
            return State(
                "unavailable", f"sparsezoo {version} is installed, {VERSION} is the last that works: {INSTALL}"
            )
        url = os.environ.get(URL_VARIABLE)
        if not url:
            return State(
                "unavailable", f"the public service ended in June 2025; set {URL_VARIABLE} to a server of yours"
            )
        return State("unasked", f"at {url}; asked when it is needed")

    def probe(self) -> State:
        """Whether the server answers in SparseZoo's protocol."""
        state = self.state()
        if not state.usable:
            return state
        try:
            found: list[str] = self._call({"op": "search", "tasks": _TASKS[:1]})
        except UserError as error:
            return State("unreachable", error.message)
        return State("ready", f"{state.reason.partition(';')[0]}: {len(found)} question-answering models")

    def entries(self) -> list[Entry]:
        """None: the server tells them when it is asked."""
        return []

    def find(self, name: str) -> Entry | None:
        """None, as `entries`."""
        return None

    def search(self, words: str, limit: int = 50) -> list[Entry]:
        """The server's models of both tasks whose stub holds all words."""
        self._check_ready()
        wanted = words.lower().split()
        found: list[str] = self._call({"op": "search", "tasks": _TASKS})
        chosen = [stub for stub in found if all(word in stub.lower() for word in wanted)]
        return [entry for stub in chosen[:limit] if (entry := _entry(stub)) is not None]

    def folder(self, name: str) -> Path | None:
        """None: what was fetched is a local folder."""
        return None

    def files(self, name: str) -> Listing:
        """The files that the server lists."""
        self._check_ready()
        return _listing(self._call({"op": "files", "name": name}))

    def fetch(self, name: str, part: Part, staging: Path, on_progress: OnProgress, cancelled: Cancelled) -> Listing:
        """Let the client download a part; every file has the size that the server lists."""
        self._check_ready()
        meter = Speedometer(name, self.name, on_progress)
        request = {"op": "fetch", "name": name, "part": part, "staging": str(staging)}
        return _listing(self._call(request, on_event=meter.take, cancelled=cancelled))

    def _call(self, request: Mapping[str, Any], on_event: OnEvent = ignore, cancelled: Cancelled = never) -> Any:
        asks = f"the SparseZoo server {os.environ.get(URL_VARIABLE, '')}"
        return call(_PROGRAM, request, asks=asks, environment=_ENVIRONMENT, on_event=on_event, cancelled=cancelled)

    def _check_ready(self) -> None:
        state = self.state()
        if not state.usable:
            raise UserError(f"there is no SparseZoo server to ask: {state.reason}", "`sqa-tui zoo sources` shows more")


def _installed() -> str | None:
    try:
        return importlib.metadata.version("sparsezoo")
    except importlib.metadata.PackageNotFoundError:
        return None


def _entry(text: str) -> Entry | None:
    """An entry of what a server's stub says of itself; None for one that is none."""
    if not is_stub(text):
        text = f"zoo:{text}"
    try:
        stub = parse_stub(text)
    except UserError:
        return None
    where = plain(os.environ.get(URL_VARIABLE, ""))
    return entry_of_stub(stub, source="sparsezoo", note=f"on the server {where}; its facts as the stub states them")


def _listing(answer: Mapping[str, Any]) -> Listing:
    return Listing(files=tuple(ZooFile(path=file["path"], size=file["size"]) for file in answer["files"]))
