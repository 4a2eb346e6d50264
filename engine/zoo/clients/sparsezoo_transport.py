"""How bytes come to the SparseZoo client: with time limits, resumed, of the listed size, and unpacked safely."""

from __future__ import annotations

import importlib
import sys
import tarfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain
from engine.zoo.clients.safety import UNPACKED_LIMIT, safe_path
from engine.zoo.clients.tally import Tally
from engine.zoo.clients.transfer import Response, Wanted, download

_CONNECT_LIMIT = 4.0


def _requests() -> Any:
    return _module("requests")


def _module(name: str) -> Any:
    """A library that the client's process has and others may not."""
    return importlib.import_module(name)


def limit_time(seconds: float) -> None:
    """Every request of the client gets a time limit: it passes none, which means for ever."""
    adapter: Any = _requests().adapters.HTTPAdapter
    send = adapter.send

    def limited(self: Any, request: Any, **settings: Any) -> Any:
        settings["timeout"] = (min(seconds, _CONNECT_LIMIT), seconds)
        return send(self, request, **settings)

    adapter.send = limited


class Transport:
    """Stands for the client's ``download_file``."""

    def __init__(self, staging: Path, sizes: Mapping[str, int | None], tally: Tally) -> None:
        self._staging, self._sizes, self._tally = staging, sizes, tally

    def __call__(self, url_path: str, dest_path: str, **_: Any) -> None:
        name = Path(dest_path).relative_to(self._staging).as_posix()
        target = self._staging / safe_path(name)
        if name.endswith(".tar.gz") and not hasattr(tarfile, "data_filter"):
            raise Failed(UserError(f"this Python cannot unpack {name} safely", "update it"))
        self._tally.begin(name)
        try:
            size = download(Wanted(url_path, target, self._sizes.get(url_path)), _open, self._tally.at)
        except (UserError, OSError) as error:
            raise Failed(error) from None
        self._tally.end(size)


class Failed(BaseException):
    """What our transport refuses; not an Exception, which the client would swallow and then sleep."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(reason)
        self.reason = reason


def transfer_by(transport: Transport) -> None:
    """Make `transport` the client's, and what it unpacks safe."""
    for name in ("sparsezoo.objects.file", "sparsezoo.objects.directory"):
        sys.modules[name].__dict__["download_file"] = transport
    tarfile.TarFile.extraction_filter = staticmethod(_unpack_limited())  # pyright: ignore


def _unpack_limited() -> Any:
    """A filter for archives: plain files and folders below the destination, and not too much of them."""
    left = UNPACKED_LIMIT

    def allowed(member: Any, path: str) -> Any:
        nonlocal left
        left -= member.size
        if not (member.isreg() or member.isdir()) or left < 0:
            raise Failed(UserError(f"an archive holds what is refused: {plain(member.name)}", "nothing was kept"))
        try:
            return tarfile.data_filter(member, path)
        except tarfile.FilterError as error:
            raise Failed(
                UserError(f"an archive holds what is refused: {plain(str(error))}", "nothing was kept")
            ) from None

    return allowed


class _Answer:
    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response

    def chunks(self) -> Iterator[bytes]:
        # Not iter_content: it keeps what has come of a piece to itself when the connection breaks in the middle of it.
        try:
            while piece := self._response.raw.read1(1 << 16, decode_content=True):
                yield piece
        except (_requests().exceptions.RequestException, _module("urllib3").exceptions.HTTPError, OSError) as error:
            raise ConnectionError(f"the connection broke off ({type(error).__name__})") from None


@contextmanager
def _open(url: str, headers: Mapping[str, str]) -> Generator[Response]:
    try:
        response = _requests().get(url, headers=dict(headers), stream=True, allow_redirects=True)
    except _requests().exceptions.Timeout:
        raise TimeoutError("the SparseZoo server does not answer") from None
    except _requests().exceptions.RequestException as error:
        raise ConnectionError(str(error)) from None
    with response:
        yield _Answer(response)
