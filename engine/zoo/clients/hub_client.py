"""The Hugging Face hub, through `huggingface_hub`: search, listings and files. Runs as a process of its own.

Files come by our own requests in the library's session: the library (2.4) begins a file anew where the process ended,
and keeps models in its cache, where an incomplete one looks like a complete one.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain
from engine.zoo.clients.child import serve
from engine.zoo.clients.safety import check_room, check_sizes, safe_path
from engine.zoo.clients.tally import Tally
from engine.zoo.clients.transfer import Response, Wanted, download
from engine.zoo.folder import RECIPE_SUFFIXES

_CONNECT_LIMIT = 4.0
_UNAUTHORISED = 401
_WEIGHTS = (".safetensors", ".bin")
_TEXTS = (".json", ".txt", ".model", ".md", ".yaml", ".yml", ".vocab", ".merges")
_SETTINGS, _CARD, _DEPLOYMENT = "config.json", "README.md", "deployment/"
_LOG_IN = "log in: `hf auth login`, or set HF_TOKEN"

hub: Any = None
httpx: Any = None


def prepare() -> None:
    """Import the library; its session gets time limits, which it has none of by itself."""
    global hub, httpx
    hub = importlib.import_module("huggingface_hub")
    # The library's own HTTP client: httpx, or its successor of another name.
    session = importlib.import_module("huggingface_hub.utils._http")
    httpx = getattr(session, "httpx2", None) or session.httpx


def _limit_time(seconds: float) -> None:
    hub.get_session().timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_LIMIT))


def _reach() -> None:
    """Ask for anything, so that nobody at home is known at once: the library's listing would try again for a minute."""
    hub.get_session().head(hub.constants.ENDPOINT)


def probe(request: Mapping[str, Any]) -> str:
    """Ask for one model."""
    with _in_words(""):
        _limit_time(request["timeout"])
        _reach()
        found = list(hub.HfApi().list_models(limit=1))
    return f"{len(found)} of its models listed"


def search(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Models by words, most downloaded first: id, task, downloads, configuration, tags."""
    words = request["words"] or None
    task = None if words else "question-answering"
    fields = ["config", "downloads", "pipeline_tag", "tags"]
    with _in_words(""):
        _limit_time(request["timeout"])
        _reach()
        api = hub.HfApi()
        found = list(
            api.list_models(search=words, pipeline_tag=task, sort="downloads", limit=request["limit"], expand=fields)
        )
    return [_described(info) for info in found]


def _described(info: Any) -> dict[str, Any]:
    config: dict[str, Any] = info.config or {}
    tags: list[str] = info.tags or []
    datasets = [tag.removeprefix("dataset:") for tag in tags if tag.startswith("dataset:")]
    return {
        "id": str(info.id),
        "task": str(info.pipeline_tag or ""),
        "downloads": int(info.downloads or 0),
        "architecture": str(config.get("model_type", "")),
        "dataset": ", ".join(datasets),
    }


def files(request: Mapping[str, Any]) -> dict[str, Any]:
    """Revision and files (path, size, checksum) of a model."""
    name: str = request["name"]
    with _in_words(name):
        _limit_time(request["timeout"])
        info = hub.HfApi().model_info(name, files_metadata=True, timeout=request["timeout"])
    siblings: list[Any] = info.siblings or []
    listed: list[dict[str, Any]] = [
        {"path": sibling.rfilename, "size": sibling.size, "checksum": _checksum(sibling)} for sibling in siblings
    ]
    return {"revision": str(info.sha or "main"), "files": listed}


def _checksum(sibling: Any) -> str | None:
    if sibling.lfs is not None:
        return f"sha256:{sibling.lfs.sha256}"
    return f"git:{sibling.blob_id}" if sibling.blob_id else None


def fetch(request: Mapping[str, Any]) -> dict[str, Any]:
    """Download what a part needs into ``staging``; returns revision and files as they are there."""
    name, staging = request["name"], Path(request["staging"])
    listing = files(request)
    wanted = [file for file in listing["files"] if _is_wanted(file["path"], listing["files"], request["part"])]
    _check_part(name, request["part"], [file["path"] for file in wanted])
    sizes = [file["size"] for file in wanted]
    check_sizes(sizes)
    check_room(staging, sizes)
    tally = Tally(sizes)
    for file in wanted:
        path = safe_path(file["path"])
        tally.begin(path.as_posix())
        url = hub.hf_hub_url(name, path.as_posix(), revision=listing["revision"])
        file["size"] = download(Wanted(url, staging / path, file["size"], file["checksum"]), _open, tally.at)
        tally.end(file["size"])
    return {"revision": listing["revision"], "files": wanted}


def _check_part(name: str, part: str, paths: list[str]) -> None:
    """Refuse a part that would be a card alone, or a model without its weights."""
    if part == "model":
        _check_model(name, paths)
    if part == "recipe" and not any(map(_is_recipe, paths)):
        raise UserError(f"{plain(name)} on the hub has no recipe", "choose another, or fetch the model")
    if part == "deployment" and not any(path.startswith(_DEPLOYMENT) for path in paths):
        raise UserError(f"{plain(name)} on the hub has no {_DEPLOYMENT}", "fetch the model and export it")


def _check_model(name: str, paths: list[str]) -> None:
    """Refuse what would be a model without its weights."""
    if _SETTINGS not in paths:
        raise UserError(f"{plain(name)} on the hub has no {_SETTINGS}: it is no transformers model", "choose another")
    if not any(path.endswith(_WEIGHTS) for path in paths):
        raise UserError(f"{plain(name)} on the hub has no weights of PyTorch", "choose another, or convert its weights")


def _is_wanted(path: str, listed: list[dict[str, Any]], part: str) -> bool:
    """Texts of the top folder, and weights in one form: safetensors where there are any."""
    if path.startswith(_DEPLOYMENT):
        return part in ("deployment", "all") and "/." not in path
    if "/" in path or path.startswith("."):
        return False
    if part in ("recipe", "deployment"):
        return path == _CARD or (part == "recipe" and _is_recipe(path))
    has_safe = any(file["path"].endswith(".safetensors") and "/" not in file["path"] for file in listed)
    if path.endswith(".safetensors"):
        return path.startswith("model")
    if path.endswith((".bin", ".bin.index.json")):
        return path.startswith("pytorch_model") and not has_safe
    return path.endswith(_TEXTS)


def _is_recipe(path: str) -> bool:
    return path.startswith("recipe") and path.endswith(RECIPE_SUFFIXES)


class _Answer:
    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response

    def chunks(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_bytes()
        except httpx.TimeoutException:
            raise TimeoutError("the hub fell silent") from None
        except httpx.TransportError as error:
            raise ConnectionError(str(error)) from None


@contextmanager
def _open(url: str, headers: Mapping[str, str]) -> Generator[Response]:
    try:
        opened = hub.get_session().stream("GET", url, headers={**hub.utils.build_hf_headers(), **headers})
        with opened as response:
            if response.status_code == _UNAUTHORISED:
                raise UserError(f"the hub asks for a log-in (HTTP {_UNAUTHORISED})", _LOG_IN)
            yield _Answer(response)
    except httpx.TimeoutException:
        raise TimeoutError("the hub does not answer") from None
    except httpx.TransportError as error:
        raise ConnectionError(str(error)) from None


@contextmanager
def _in_words(name: str) -> Generator[None]:
    """Failures of the library as one line that says what to do."""
    place = hub.constants.ENDPOINT
    errors = hub.errors
    try:
        yield
    except errors.GatedRepoError:
        raise UserError(f"{plain(name)} asks for its conditions to be accepted", f"do so at {place}/{name}") from None
    except errors.RepositoryNotFoundError:
        hint = "check the name, or name the folder if a local model is meant; a private one needs `hf auth login`"
        raise UserError(f"the hub has no model {plain(name)}", hint) from None
    except errors.HFValidationError:
        raise UserError(f"not a name of the hub: {plain(name)}", "a name looks like organisation/model") from None
    except errors.HfHubHTTPError as error:
        refused = getattr(error.response, "status_code", None) == _UNAUTHORISED
        said = plain(str(error), 200)
        raise UserError(f"the hub at {place} answers {said}", _LOG_IN if refused else "try again later") from None
    except httpx.TimeoutException:
        raise UserError(f"the hub at {place} does not answer", "check the network, or HF_ENDPOINT") from None
    except httpx.TransportError as error:
        reason = plain(str(error), 120)
        raise UserError(
            f"the hub at {place} cannot be reached: {reason}", "check the network, or HF_ENDPOINT"
        ) from None


if __name__ == "__main__":
    sys.exit(serve(prepare, {"probe": probe, "search": search, "files": files, "fetch": fetch}))
