"""One file from a server: resumed, checked, refused; names that are kept and names that are not; speed from counts."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.zoo.clients.safety import FILE_LIMIT, check_sizes, check_tree, safe_path
from engine.zoo.clients.transfer import Response, Wanted, download
from engine.zoo.source import Progress
from engine.zoo.speed import Speedometer

CONTENT = bytes(range(256)) * 4


class Server:
    """Answers in memory: breaks off after `breaks` bytes of each answer, knows ranges or not."""

    def __init__(self, content: bytes = CONTENT, *, breaks: int | None = None, ranges: bool = True) -> None:
        self.content, self.breaks, self.ranges = content, breaks, ranges
        self.etag = '"1"'
        self.asked: list[str] = []

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str]) -> Generator[Response]:
        self.asked.append(headers.get("Range", ""))
        begin = int(self.asked[-1][6:-1] or 0) if self.asked[-1] and self.ranges else 0
        if headers.get("If-Range", self.etag) != self.etag:
            begin = 0
        yield Answer(self, begin)


class Answer:
    def __init__(self, server: Server, begin: int) -> None:
        self.body, self.breaks = server.content[begin:], server.breaks
        self.status = 206 if begin else 200
        self.headers: Mapping[str, str] = {
            "content-length": str(len(self.body)),
            "etag": server.etag,
            **({"content-range": f"bytes {begin}-{len(server.content) - 1}/{len(server.content)}"} if begin else {}),
        }

    def chunks(self) -> Iterator[bytes]:
        yield self.body[: self.breaks]
        if self.breaks is not None and self.breaks < len(self.body):
            raise ConnectionError("gone")


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_connection_that_breaks_is_taken_up_again_for_as_long_as_something_comes(tmp_path: Path):
    server, seen = Server(breaks=300), list[int]()
    wanted = Wanted("any", tmp_path / "a" / "weights", len(CONTENT), sha(CONTENT))
    assert download(wanted, server.open, seen.append) == len(CONTENT)
    assert server.asked == ["", "bytes=300-", "bytes=600-", "bytes=900-"]
    assert wanted.target.read_bytes() == CONTENT
    assert [path.name for path in wanted.target.parent.iterdir()] == ["weights"]
    assert seen == sorted(seen)


def test_a_server_that_sends_next_to_nothing_is_given_up_and_gone_on_from(tmp_path: Path):
    content, pauses = CONTENT * 100, list[float]()
    wanted = Wanted("any", tmp_path / "weights", len(content), sha(content))
    server = Server(content, breaks=5)
    with pytest.raises(UserError, match="broke at 40 of 102400 bytes") as raised:
        download(wanted, server.open, lambda _: None, pauses.append)
    assert raised.value.hint == "fetch again to go on from there"
    assert len(server.asked) == 8
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    server.breaks = None
    download(wanted, server.open, lambda _: None, pauses.append)
    assert server.asked[-1] == "bytes=40-"
    assert wanted.target.read_bytes() == content


def test_a_server_that_sends_little_at_times_is_not_given_up(tmp_path: Path):
    content, pauses = CONTENT * 100, list[float]()
    server = Server(content, breaks=5)

    def more(_: int) -> None:
        server.breaks = 5 if len(server.asked) % 7 else 2000

    download(Wanted("any", tmp_path / "weights", len(content)), server.open, more, pauses.append)
    assert max(pauses) <= 1.0


def test_a_server_without_ranges_is_given_up_when_it_comes_no_further(tmp_path: Path):
    wanted = Wanted("any", tmp_path / "weights", len(CONTENT))
    with pytest.raises(UserError, match="broke at 300 of 1024 bytes"):
        download(wanted, Server(breaks=300, ranges=False).open, lambda _: None)
    assert not wanted.target.exists()
    assert wanted.part.stat().st_size == 300


def test_a_part_of_another_version_is_not_gone_on_from(tmp_path: Path):
    wanted = Wanted("any", tmp_path / "weights", len(CONTENT))
    with pytest.raises(UserError):
        download(wanted, Server(breaks=300, ranges=False).open, lambda _: None)
    newer = Server(bytes(reversed(CONTENT)))
    newer.etag = '"2"'
    download(wanted, newer.open, lambda _: None)
    assert wanted.target.read_bytes() == newer.content
    assert newer.asked == ["bytes=300-"]


@pytest.mark.parametrize(
    ("size", "checksum", "message"),
    [
        (len(CONTENT) - 1, None, "lists 1023 bytes .* sends 1024"),
        (len(CONTENT) + 1, None, "lists 1025 bytes .* sends 1024"),
        (len(CONTENT), sha(b"other"), "checksum differs"),
        (None, f"git:{'0' * 40}", "checksum differs"),
    ],
)
def test_what_is_not_as_listed_is_not_kept(tmp_path: Path, size: int | None, checksum: str | None, message: str):
    wanted = Wanted("any", tmp_path / "weights", size, checksum)
    with pytest.raises(UserError, match=message):
        download(wanted, Server().open, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_the_name_that_git_gives_a_file_is_a_checksum(tmp_path: Path):
    wanted = Wanted("any", tmp_path / "hello", checksum="git:ce013625030ba8dba906f756967f9e9ca394464a")
    assert download(wanted, Server(b"hello\n").open, lambda _: None) == 6


def test_a_file_that_is_there_is_not_asked_for_unless_it_is_another(tmp_path: Path):
    server = Server()
    wanted = Wanted("any", tmp_path / "weights", len(CONTENT), sha(CONTENT))
    wanted.target.write_bytes(CONTENT)
    download(wanted, server.open, lambda _: None)
    assert server.asked == []
    wanted.target.write_bytes(bytes(len(CONTENT)))
    download(wanted, server.open, lambda _: None)
    assert wanted.target.read_bytes() == CONTENT


@given(st.text(max_size=40))
def test_whatever_a_server_names_stays_below_the_folder(name: str):
    try:
        path = safe_path(name)
    except UserError:
        return
    assert not path.is_absolute()
    assert all(part not in ("", ".", "..") and not part.startswith(".") for part in path.parts)
    assert str(path) == name


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", ".hidden", "a/.git/x", "c:\\x", "a\nb", "a\x1b[2J", "a/", "x" * 201],
)
def test_names_that_are_not_kept(name: str):
    with pytest.raises(UserError, match="safely"):
        safe_path(name)


def test_ordinary_names_are_kept():
    assert safe_path("training/pytorch_model-00001-of-00002.bin") == PurePosixPath(
        "training/pytorch_model-00001-of-00002.bin"
    )


def test_links_and_monsters_are_refused(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    check_tree(tmp_path)
    (tmp_path / "folder" / "link").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match="folder/link"):
        check_tree(tmp_path)
    check_sizes([None, 1, FILE_LIMIT])
    for sizes in ([FILE_LIMIT + 1], [-1], [1] * 3000):
        with pytest.raises(UserError):
            check_sizes(list(sizes))


def test_speed_is_of_the_last_seconds_and_not_of_what_was_there_before():
    clock, seen = iter([0.0, 1.0, 2.0, 20.0]), list[Progress]()
    meter = Speedometer("model", "hub", seen.append, lambda: next(clock))
    for done in (1000, 1100, 1200, 1210):
        meter.take({"file": "weights", "done": done, "total": 2200})
    assert [progress.speed for progress in seen] == [0.0, 0.0, 100.0, 100.0, pytest.approx(10 / 18)]
    assert seen[3].eta == 10.0
    assert seen[0].phase == "asking"
