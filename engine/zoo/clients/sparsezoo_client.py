"""SparseZoo, through its own client (`sparsezoo` 1.8.1). Runs as a process of its own, with its environment set before.

The client asks and names the files; how bytes come is ours, for its own transport knows no time limits, keeps error
pages as files, does not resume and reads 500 MB at a time.
"""

from __future__ import annotations

import importlib
import sys
import types
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain
from engine.zoo.clients.child import serve
from engine.zoo.clients.safety import check_room, check_sizes
from engine.zoo.clients.sparsezoo_transport import Failed, Transport, limit_time, transfer_by
from engine.zoo.clients.tally import Tally
from engine.zoo.folder import no_recipe
from engine.zoo.stubs import parse_stub

_NOT_NEEDED = ("geocoder", "machineid")
"""Imported by the client's analytics alone, which are off: without them nothing can look up where a user is."""
_SAMPLES = ("sample_originals", "sample_inputs", "sample_outputs", "sample_labels")
_PARTS = {
    "model": ("training", "recipes", "model_card"),
    "recipe": ("recipes", "model_card"),
    "deployment": ("deployment", "model_card"),
    "all": ("training", "deployment", "recipes", "model_card", "onnx_model", *_SAMPLES),
}
_CARD = "model.md"
_FOLDERS = ("training", "deployment")

zoo: Any = None
requests: Any = None


def prepare() -> None:
    """Import the client, in surroundings that it can live in beside today's onnx."""
    global zoo, requests
    warnings.simplefilter("ignore")
    for name in _NOT_NEEDED:
        sys.modules[name] = types.ModuleType(name)
    _stand_in("imghdr", what=_unknown_image)
    _stand_in("onnx.mapping", TENSOR_TYPE_TO_NP_TYPE={})
    requests = importlib.import_module("requests")
    zoo = importlib.import_module("sparsezoo")


def _unknown_image(*_: Any) -> None:
    """What sort of picture a file is: models have none."""


def _stand_in(name: str, **contents: Any) -> None:
    """A module that newer releases have dropped, for an import that is not used here."""
    try:
        importlib.import_module(name)
    except ImportError:
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        sys.modules[name] = module


def search(request: Mapping[str, Any]) -> list[str]:
    """Stubs of a task's models."""
    limit_time(request["timeout"])
    with _in_words(""):
        found: list[str] = []
        for task in request["tasks"]:
            found += zoo.search_models(domain="nlp", sub_domain=task, return_stubs=True)
    return [str(stub) for stub in found]


def files(request: Mapping[str, Any]) -> dict[str, Any]:
    """What there is of a stub."""
    limit_time(request["timeout"])
    model = _model(request["name"], Path("unused"))
    return {"files": [_file(file) for file in model.listed]}


def fetch(request: Mapping[str, Any]) -> dict[str, Any]:
    """Let the client download a part into ``staging``; returns the files as they are there."""
    staging = Path(request["staging"])
    limit_time(request["timeout"])
    model = _model(request["name"], staging)
    if request["part"] == "model" and model.training is None:
        raise UserError(f"the SparseZoo server has no training files of {request['name']}", "fetch its recipe instead")
    _check_recipe(model, request["name"])
    chosen = list(_chosen(model, request["part"], staging))
    if all(str(file.name) == _CARD for file, _ in chosen):
        raise UserError(f"the SparseZoo server has no {request['part']} of {request['name']}", "fetch another part")
    sizes = {str(file["url"]): _file(file)["size"] for file in model.listed}
    listed = [sizes.get(file.url) for file, _ in chosen]
    check_sizes(listed)
    check_room(staging, listed)
    transfer_by(Transport(staging, sizes, Tally(listed)))
    for file, folder in chosen:
        file.download(destination_path=str(folder))
    return {"files": [_kept(path, staging) for path in sorted(staging.rglob("*")) if _is_content(path)]}


def _model(stub: str, folder: Path) -> Any:
    """The client's model of a stub, with the files as the server lists them in ``listed``."""

    ask: Any = zoo.Model.initialize_model_from_stub
    listed: list[Any] = []

    def ask_and_remember(model: Any, stub: str) -> Any:
        answer = ask(model, stub)
        listed.extend(answer[0])
        return answer

    zoo.Model.initialize_model_from_stub = ask_and_remember
    with _in_words(stub):
        model = zoo.Model(parse_stub(stub).bare, download_path=str(folder))
    model.listed = listed
    return model


def _chosen(model: Any, part: str, staging: Path) -> Iterator[tuple[Any, Path]]:
    """The files of a part and the folder that their names are below; no file twice.

    A server may list ``model.onnx`` beside ``deployment/model.onnx``; the client makes it a file of the deployment.
    """
    taken: set[str] = set()
    for name in _PARTS[part]:
        content = getattr(model, name)
        for file in _loose(content) if content is not None else ():
            loose = "/" not in file.name and name in _FOLDERS and not file.name.endswith(".tar.gz")
            path = f"{name}/{file.name}" if loose else str(file.name)
            if path not in taken and not (loose and path in {str(each["display_name"]) for each in model.listed}):
                taken.add(path)
                yield file, staging / name if loose else staging


def _loose(part: Any) -> Iterator[Any]:
    """What a part consists of, as objects that can be downloaded: archives whole, folders by file."""
    if type(part).__name__ == "Recipes":
        yield from part.recipes
    elif isinstance(part, dict):
        for item in part.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _loose(item)
    elif getattr(part, "tar_directory", None) is not None:
        yield part.tar_directory
    elif getattr(part, "files", None) and not getattr(part, "is_archive", False):
        yield from part.files
    else:
        yield part


def _check_recipe(model: Any, stub: str) -> None:
    """The client takes the first recipe for one that does not exist; here it is an error."""
    parsed = parse_stub(stub)
    wanted = parsed.parameter("recipe_type") or parsed.parameter("recipe")
    available: list[str] = model.recipes.available or []
    names = [name.removeprefix("recipe").lstrip("_-.") for name in available]
    if wanted and wanted not in names:
        raise no_recipe(parsed, wanted, names)


def _file(listed: Mapping[str, Any]) -> dict[str, Any]:
    """A listed file; servers have written sizes as numbers and as texts, and 0 for an unknown one."""
    stated = str(listed.get("file_size") or "")
    return {"path": str(listed["display_name"]), "size": int(stated) or None if stated.isdigit() else None}


def _kept(path: Path, staging: Path) -> dict[str, Any]:
    return {"path": path.relative_to(staging).as_posix(), "size": path.stat().st_size}


def _is_content(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


@contextmanager
def _in_words(stub: str) -> Generator[None]:
    """Failures of the client as one line that says what to do."""
    place = sys.modules["sparsezoo.api.graphql"].__dict__["BASE_API_URL"]
    check = "check SPARSEZOO_API_URL and the network"
    try:
        yield
    except requests.exceptions.Timeout:
        raise UserError(f"the SparseZoo server {place} does not answer", check) from None
    except requests.exceptions.HTTPError as error:
        code = error.response.status_code if error.response is not None else "an error"
        raise UserError(f"the SparseZoo server {place} refuses: HTTP {code}", check) from None
    except requests.exceptions.JSONDecodeError:
        raise UserError(f"what {place} answers is not SparseZoo's protocol", check) from None
    except requests.exceptions.RequestException as error:
        reason = plain(str(error), 120)
        raise UserError(f"the SparseZoo server {place} cannot be reached: {reason}", check) from None
    except ValueError as error:
        if "No matching models" in str(error):
            raise UserError(f"the SparseZoo server {place} does not have {plain(stub)}", "check the stub") from None
        raise UserError(f"the SparseZoo server {place}: {plain(str(error), 200)}", check) from None
    except (LookupError, TypeError, AttributeError, AssertionError) as error:
        what = f"what {place} answers is not SparseZoo's protocol: {type(error).__name__} {plain(str(error), 120)}"
        raise UserError(what, check) from None
    except Exception as error:
        raise UserError(f"the SparseZoo server {place}: {plain(str(error), 200)}", check) from None


def main() -> int:
    """Serve one request; what the transport refused comes out as itself."""

    def fetched(request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return fetch(request)
        except Failed as failed:
            raise failed.reason from None

    return serve(prepare, {"search": search, "files": files, "fetch": fetched})


if __name__ == "__main__":
    sys.exit(main())
