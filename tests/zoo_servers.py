"""Servers on the loopback that speak the protocols of SparseZoo and of the Hugging Face hub, and can misbehave."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

BROKEN_AFTER = 600


@dataclass
class Faults:
    """What a server does wrong, by the end of a path; each is undone by taking it out.

    Attributes:
        status: Answer with this status and a page of text.
        silent: Accept the request and never answer.
        half: Send `BROKEN_AFTER` bytes of the file, and then cut the connection.
        longer: Send one byte more than is listed.
        shorter: Send one byte less, and say so.
    """

    status: dict[str, int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    half: set[str] = field(default_factory=set)
    longer: set[str] = field(default_factory=set)
    shorter: set[str] = field(default_factory=set)


class Loopback:
    """A server in a thread; `url` is where, `requests` what it was asked ("GET /path bytes=…")."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.requests: list[str] = []
        self.ended = threading.Event()
        self.ranges = True
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def handle_any(self) -> None:
                owner.requests.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
                length = int(self.headers.get("Content-Length", 0))
                self.body = self.rfile.read(length)
                if not owner.misbehaves(self):
                    owner.answer(self)

            do_GET = do_HEAD = do_POST = handle_any  # noqa: N815

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def misbehaves(self, handler: Any) -> bool:
        path = urlsplit(handler.path).path
        if any(path.endswith(end) for end in self.faults.silent):
            self.ended.wait(60)
            handler.close_connection = True
            return True
        status = next((code for end, code in self.faults.status.items() if path.endswith(end)), None)
        if status is not None:
            send(handler, b"<html>an error page</html>", status=status, kind="text/html")
        return status is not None

    def answer(self, handler: Any) -> None:
        raise NotImplementedError

    def send_file(self, handler: Any, content: bytes, **headers: str) -> None:
        """A file, from where it is asked for, with the faults of its path."""
        path = urlsplit(handler.path).path
        faulty = {name for name in ("half", "longer", "shorter") if path.endswith(tuple(getattr(self.faults, name)))}
        content = content + b"x" if "longer" in faulty else content[:-1] if "shorter" in faulty else content
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        begin = int(asked[1]) if asked and self.ranges else 0
        if asked and self.ranges and begin >= len(content):
            send(handler, b"", status=416, **headers)
            return
        if asked and self.ranges:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        part = content[begin:]
        status = 206 if asked and self.ranges else 200
        if "half" in faulty:
            send(handler, part, status=status, cut=BROKEN_AFTER, **headers)
        else:
            send(handler, part, status=status, **headers)

    @contextmanager
    def running(self) -> Iterator[Loopback]:
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.ended.set()
            self.server.shutdown()
            self.server.server_close()
            thread.join()


def send(
    handler: Any, body: bytes, *, status: int = 200, kind: str = "application/octet-stream", cut: int = 0, **more: str
) -> None:
    """One answer; with `cut`, only so many bytes of the body before the connection is closed."""
    handler.send_response(status)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **more}.items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body[:cut] if cut else body)
    handler.close_connection = bool(cut)


def send_json(handler: Any, value: Any, **more: Any) -> None:
    send(handler, json.dumps(value).encode(), kind="application/json", **more)


@dataclass
class ZooModel:
    """One model of a SparseZoo server: its stub in parts and its files by their sub-paths."""

    stub: str
    files: dict[str, bytes]
    listed_sizes: dict[str, int] = field(default_factory=dict)

    def record(self, url: str) -> dict[str, Any]:
        domain, task, architecture, framework, repo, dataset, tag = self.stub.removeprefix("zoo:").split("/")
        name, _, sub = architecture.partition("-")
        return {
            "domain": domain,
            "task": task,
            "architecture": name,
            "subArchitecture": sub or None,
            "framework": framework,
            "repo": repo,
            "sourceDataset": dataset,
            "sparseTag": tag,
            "modelId": hashlib.sha1(self.stub.encode()).hexdigest(),
            "stub": self.stub.removeprefix("zoo:"),
            "modelOnnxSizeCompressedBytes": 1000,
            "repoName": tag,
            "repoNamespace": "testing",
            "benchmarkResults": [],
            "trainingResults": [],
            "files": [self._file(path, url) for path in self.files],
        }

    def _file(self, path: str, url: str) -> dict[str, Any]:
        kinds = {"training": "training", "deployment": "deployment"}
        top = path.partition("/")[0] if "/" in path else ""
        kind = kinds.get(top) or ("recipe" if path.startswith("recipe") else "card" if path == "model.md" else "onnx")
        kind = "inputs" if path.startswith("sample-inputs") else kind
        size = self.listed_sizes.get(path, len(self.files[path]))
        stub = self.stub.removeprefix("zoo:")
        return {
            "displayName": path,
            "downloadUrl": f"{url}/files/{stub}/{path}",
            "fileSize": size,
            "fileType": kind,
            "modelId": "any",
        }


class SparseZooServer(Loopback):
    """``POST /v2/graphql`` and files, as the public service answered sparsezoo 1.8.1."""

    def __init__(self, *models: ZooModel) -> None:
        super().__init__()
        self.models = list(models)
        self.queries: list[str] = []

    def answer(self, handler: Any) -> None:
        path = unquote(urlsplit(handler.path).path)
        if path == "/v2/graphql":
            query = json.loads(handler.body)["query"]
            self.queries.append(query)
            send_json(handler, {"data": {"models": self._matching(query)}})
            return
        for model in self.models:
            prefix = f"/files/{model.stub.removeprefix('zoo:')}/"
            if path.startswith(prefix) and path[len(prefix) :] in model.files:
                ranges = {"Accept-Ranges": "bytes"} if self.ranges else {}
                self.send_file(handler, model.files[path[len(prefix) :]], **ranges)
                return
        send(handler, b"not found", status=404)

    def _matching(self, query: str) -> list[dict[str, Any]]:
        arguments = dict(re.findall(r'(\w+): "([^"]*)"', query.partition(")")[0]))
        records = [model.record(self.url) for model in self.models]
        return [each for each in records if all(each.get(key) == value for key, value in arguments.items())]


@dataclass
class HubModel:
    """One repository: its id, its files, and what the search tells of it."""

    name: str
    files: dict[str, bytes]
    config: dict[str, Any] = field(default_factory=dict)
    large: frozenset[str] = frozenset({"model.safetensors"})
    revision: str = "0123456789abcdef0123456789abcdef01234567"

    def siblings(self) -> list[dict[str, Any]]:
        return [self._sibling(path, content) for path, content in self.files.items()]

    def _sibling(self, path: str, content: bytes) -> dict[str, Any]:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        listed: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": blob}
        if path in self.large:
            sha = hashlib.sha256(content).hexdigest()
            listed["lfs"] = {"sha256": sha, "size": len(content), "pointerSize": 134}
        return listed


class HubServer(Loopback):
    """The search, the listing and the files of the Hugging Face hub; who sends files to it has the token `TOKEN`."""

    TOKEN = "hf_secret"

    def __init__(self, *models: HubModel) -> None:
        super().__init__()
        self.models = {model.name: model for model in models}
        self.commits: list[tuple[str, list[str]]] = []
        """The title and the paths of each."""
        self.refused_title: str | None = None
        """Commits whose title begins so are not taken."""
        self.reading_only = False
        """Whether the token may write nowhere."""

    def answer(self, handler: Any) -> None:
        parts = urlsplit(handler.path)
        path = unquote(parts.path)
        if handler.command == "POST":
            self._receive(handler, path)
        elif path.endswith("/auth-check/write"):
            send_json(handler, {}, status=403 if self.reading_only else 200)
        elif path == "/api/models":
            words = parse_qs(parts.query).get("search", [""])[0].lower()
            send_json(handler, [self._found(model) for name, model in self.models.items() if words in name.lower()])
        elif path.startswith("/api/models/"):
            self._listing(handler, re.sub(r"/revision/.*", "", path.removeprefix("/api/models/")))
        else:
            self._file(handler, path)

    def _found(self, model: HubModel) -> dict[str, Any]:
        return {
            "_id": "1",
            "id": model.name,
            "modelId": model.name,
            "downloads": 42,
            "pipeline_tag": "question-answering",
            "tags": ["transformers", "dataset:squad"],
            "config": {"model_type": model.config.get("model_type", "bert")},
        }

    def _receive(self, handler: Any, path: str) -> None:
        if handler.headers.get("Authorization") != f"Bearer {self.TOKEN}":
            send_json(handler, {"error": "Invalid username or password."}, status=401)
            return
        if path == "/api/repos/create":
            wanted = json.loads(handler.body)
            name = f"{wanted.get('organization') or 'anna'}/{wanted['name']}"
            known = name in self.models
            self.models.setdefault(name, HubModel(name, {}))
            send_json(handler, {"url": f"{self.url}/{name}", "name": name}, status=409 if known else 200)
            return
        if path == "/api/validate-yaml":
            send_json(handler, {"errors": [], "warnings": []})
            return
        name, action = path.removeprefix("/api/models/").rsplit("/", 2)[:2]
        if action == "preupload":
            listed = json.loads(handler.body)["files"]
            files = [{"path": each["path"], "uploadMode": "regular", "shouldIgnore": False} for each in listed]
            send_json(handler, {"files": files})
        else:
            self._commit(handler, name, [json.loads(line) for line in handler.body.splitlines()])

    def _commit(self, handler: Any, name: str, lines: list[dict[str, Any]]) -> None:
        title = lines[0]["value"]["summary"]
        if self.refused_title is not None and title.startswith(self.refused_title):
            send_json(handler, {"error": "No room left for this organisation."}, status=403)
            return
        files = {each["value"]["path"]: each["value"]["content"] for each in lines if each["key"] == "file"}
        self.models[name].files.update((path, base64.b64decode(content)) for path, content in files.items())
        self.commits.append((title, sorted(files)))
        url = f"{self.url}/{name}/commit/{40 * '1'}"
        send_json(handler, {"commitUrl": url, "commitOid": 40 * "1", "success": True})

    def _listing(self, handler: Any, name: str) -> None:
        model = self.models.get(name)
        if model is None:
            send_json(handler, {"error": "Repository not found"}, status=404, **{"X-Error-Code": "RepoNotFound"})
            return
        send_json(handler, {**self._found(model), "sha": model.revision, "siblings": model.siblings()})

    def _file(self, handler: Any, path: str) -> None:
        matched = re.fullmatch(r"/(?P<name>.+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)", path)
        model = self.models.get(matched["name"]) if matched else None
        if model is None or matched is None or matched["file"] not in model.files:
            send_json(handler, {"error": "Entry not found"}, status=404, **{"X-Error-Code": "EntryNotFound"})
            return
        content = model.files[matched["file"]]
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        self.send_file(handler, content, ETag=etag, **{"X-Repo-Commit": model.revision})
