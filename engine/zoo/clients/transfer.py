"""One file from a server to the disk: resumed where it broke off, and never larger, smaller or other than listed."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from engine.errors import UserError, plain
from engine.zoo.clients.safety import FILE_LIMIT

_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_MEANING = {
    401: "asks for a log-in",
    403: "refuses",
    404: "does not have",
    410: "no longer has",
    429: "is too busy for",
}


_LITTLE = 1 << 16
_MEAGRE_ATTEMPTS = 7
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
"""Seconds; shorter than the parent waits for a word."""
_GO_ON = "fetch again to go on from there"


class Response(Protocol):
    """An answer whose body has not been read yet."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> Iterator[bytes]:
        """The body, decoded. Raises `ConnectionError` or `TimeoutError` where it breaks off."""
        ...


Open = Callable[[str, Mapping[str, str]], AbstractContextManager[Response]]
"""Start a GET with these headers; raises `ConnectionError` or `TimeoutError` where nobody answers."""
OnBytes = Callable[[int], None]


@dataclass(frozen=True)
class Wanted:
    """A file: where it is, where it goes, its size in bytes and its checksum where they are listed.

    `checksum` is ``sha256:…`` or ``git:…`` (SHA-1 over git's blob header and the content).
    """

    url: str
    target: Path
    size: int | None = None
    checksum: str | None = None

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def part(self) -> Path:
        """Where the file grows."""
        return self.target.with_name(f".{self.target.name}.part")

    @property
    def version_file(self) -> Path:
        """Which version of the file `part` is of, as the server names it."""
        return self.target.with_name(f".{self.target.name}.version")


def download(wanted: Wanted, open_url: Open, on_bytes: OnBytes, pause: Callable[[float], None] = time.sleep) -> int:
    """Fetch `wanted` unless it is there, going on from what is there of it; returns its size.

    Args:
        wanted: The file.
        open_url: Starts a request.
        on_bytes: Gets the file's size so far after each piece.
        pause: Waits for some seconds, after an attempt that hardly brought anything.

    Raises:
        UserError: The server does not have it, breaks off without sending anything more or again and again after
            next to nothing, or sends something else.
    """
    if _is_there(wanted):
        on_bytes(_size(wanted.target))
        return _size(wanted.target)
    wanted.target.parent.mkdir(parents=True, exist_ok=True)
    before, meagre = -1, 0
    while not _attempt(wanted, open_url, on_bytes):
        there = _size(wanted.part)
        meagre = meagre + 1 if there - before < _little(wanted) else 0
        if there <= before or meagre > _MEAGRE_ATTEMPTS:
            of = f" of {wanted.size}" if wanted.size else ""
            raise UserError(f"the connection broke at {there}{of} bytes of {wanted.name}", _GO_ON)
        if meagre:
            pause(min(_FIRST_PAUSE * 2 ** (meagre - 1), _LONGEST_PAUSE))
        before = there
    _finish(wanted)
    return _size(wanted.target)


def _little(wanted: Wanted) -> float:
    """Bytes of an attempt that hardly brought anything: of a small file, less than a hundredth."""
    return _LITTLE if wanted.size is None else min(_LITTLE, wanted.size / 100)


def _is_there(wanted: Wanted) -> bool:
    """Whether an earlier download brought the file, and it is still what is listed."""
    if wanted.size is None or not wanted.target.is_file() or _size(wanted.target) != wanted.size:
        return False
    return wanted.checksum is None or _checksum_of(wanted.target, wanted.checksum) == wanted.checksum


def _attempt(wanted: Wanted, open_url: Open, on_bytes: OnBytes) -> bool:
    """One request; True where the file is whole then, False where it broke off on the way."""
    offset = _size(wanted.part)
    if offset and offset == wanted.size:
        return True
    try:
        with open_url(wanted.url, _headers(wanted, offset)) as response:
            if response.status == 416:
                _forget(wanted)
                raise UserError(f"the server's {wanted.name} has fewer bytes than it lists", "fetch it again")
            offset = _accept(wanted, response, offset)
            whole = _receive(wanted, response, offset, on_bytes)
    except (ConnectionError, TimeoutError) as error:
        if _size(wanted.part) > offset:
            return False
        raise UserError(f"{wanted.name}: {plain(str(error), 200)}", _GO_ON) from None
    return whole


def _headers(wanted: Wanted, offset: int) -> dict[str, str]:
    plain_body = {"Accept-Encoding": "identity"}
    if not offset:
        return plain_body
    version = wanted.version_file.read_text() if wanted.version_file.is_file() else ""
    return {**plain_body, "Range": f"bytes={offset}-", **({"If-Range": version} if version else {})}


def _accept(wanted: Wanted, response: Response, offset: int) -> int:
    """Where in the file the body begins; what is there beyond that is cut off."""
    if response.status not in (200, 206):
        meaning = _MEANING.get(response.status, "cannot give")
        raise UserError(f"the server {meaning} {wanted.name} (HTTP {response.status})", "nothing was kept of it")
    stated = _RANGE.match(response.headers.get("content-range", ""))
    begin = int(stated[1]) if response.status == 206 and stated else 0
    if begin > offset:
        raise UserError(
            f"the server sends {wanted.name} from byte {begin} instead of {offset}", "nothing was kept of it"
        )
    with wanted.part.open("ab") as file:
        file.truncate(begin)
    version = response.headers.get("etag", "")
    wanted.version_file.write_text(version if version and not version.startswith("W/") else "")
    return begin


def _receive(wanted: Wanted, response: Response, offset: int, on_bytes: OnBytes) -> bool:
    limit = FILE_LIMIT if wanted.size is None else wanted.size
    expected = _expected(wanted, response, offset)
    done = offset
    with wanted.part.open("ab") as file:
        for chunk in response.chunks():
            done += len(chunk)
            if done > limit:
                _forget(wanted)
                raise UserError(f"the server sends more than the {limit} bytes it lists for {wanted.name}", "not kept")
            file.write(chunk)
            on_bytes(done)
    return expected is None or done == expected


def _expected(wanted: Wanted, response: Response, offset: int) -> int | None:
    """The size that the file will have; refuses an answer of another size than the listed one."""
    stated = response.headers.get("content-length")
    if stated is None or response.headers.get("content-encoding", "identity") != "identity":
        return wanted.size
    total = offset + int(stated)
    if wanted.size is not None and total != wanted.size:
        _forget(wanted)
        raise UserError(f"the server lists {wanted.size} bytes for {wanted.name} and sends {total}", "nothing was kept")
    return total


def _finish(wanted: Wanted) -> None:
    if wanted.checksum is not None and _checksum_of(wanted.part, wanted.checksum) != wanted.checksum:
        _forget(wanted)
        raise UserError(f"{wanted.name} is not what the server lists: its checksum differs", "fetch it again")
    os.replace(wanted.part, wanted.target)
    wanted.version_file.unlink(missing_ok=True)


def _checksum_of(path: Path, like: str) -> str:
    """The checksum of a file of the same kind as `like`: ``sha256:…``, or ``git:…``, the name that git gives it."""
    kind = like.partition(":")[0]
    digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(f"blob {_size(path)}\0".encode())
    with path.open("rb") as file:
        _digest(file, digest.update)
    return f"{kind}:{digest.hexdigest()}"


def _digest(file: BinaryIO, update: Callable[[bytes], None]) -> None:
    while block := file.read(1 << 20):
        update(block)


def _forget(wanted: Wanted) -> None:
    wanted.part.unlink(missing_ok=True)
    wanted.version_file.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
