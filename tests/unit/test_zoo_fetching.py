"""Downloads as a whole, with sources that do this and that: complete or absent, and one line for what goes wrong."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.zoo.clients.child import _in_words  # pyright: ignore[reportPrivateUsage]
from engine.zoo.clients.process import timeout
from engine.zoo.clients.safety import check_room
from engine.zoo.fetching import fetch_from
from engine.zoo.local import LocalSource, own_root
from engine.zoo.marker import NAME, is_whole
from engine.zoo.source import Cancelled, FetchCancelled, FixedSource, Listing, OnProgress, Part, ZooFile

STUB = "zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad/ours80-none"
Act = Callable[[Path], Listing]


class Pretended(FixedSource):
    """A source that does what a test says."""

    name = "pretended"
    title = "a source"
    can_fetch = True

    def __init__(self, act: Act) -> None:
        self.act = act

    def fetch(self, name: str, part: Part, staging: Path, on_progress: OnProgress, cancelled: Cancelled) -> Listing:
        return self.act(staging)


def writes(*files: tuple[str, bytes], listed: tuple[ZooFile, ...] | None = None, revision: str = "1") -> Act:
    def act(staging: Path) -> Listing:
        for name, content in files:
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).write_bytes(content)
        named = tuple(ZooFile(path=name, size=len(content)) for name, content in files)
        return Listing(files=named if listed is None else listed, revision=revision)

    return act


def place() -> Path:
    return own_root() / STUB.removeprefix("zoo:")


def test_a_whole_download_is_renamed_into_place_with_its_marker():
    folder = fetch_from(Pretended(writes(("training/config.json", b"{}"), ("recipe.md", b"x"))), STUB)
    assert folder == place()
    assert sorted(path.name for path in folder.iterdir()) == [NAME, "recipe.md", "training"]
    assert is_whole(folder)
    assert list((own_root() / ".partial").iterdir()) == []


@pytest.mark.parametrize(
    "listed",
    [
        (ZooFile(path="recipe.md", size=2),),
        (ZooFile(path="recipe.md", size=1), ZooFile(path="absent", size=1)),
        (ZooFile(path="../recipe.md", size=1),),
        (),
    ],
)
def test_what_is_not_exactly_what_was_listed_gets_no_place(listed: tuple[ZooFile, ...]):
    with pytest.raises(UserError):
        fetch_from(Pretended(writes(("recipe.md", b"x"), listed=listed)), STUB)
    assert not place().exists()


def test_what_nobody_listed_does_not_come_along():
    act = writes(("recipe.md", b"x"), (".old.part", b"y"), ("old", b"z"), listed=(ZooFile(path="recipe.md", size=1),))
    folder = fetch_from(Pretended(act), STUB)
    assert sorted(path.name for path in folder.iterdir()) == [NAME, "recipe.md"]


def test_a_link_is_refused():
    def act(staging: Path) -> Listing:
        (staging / "recipe.md").symlink_to("/etc/passwd")
        return Listing(files=(ZooFile(path="recipe.md"),))

    with pytest.raises(UserError, match="not a plain file"):
        fetch_from(Pretended(act), STUB)
    assert not place().exists()


def test_parts_of_another_revision_are_not_mixed():
    fetch_from(Pretended(writes(("recipe.md", b"old"))), STUB, "recipe")
    folder = fetch_from(Pretended(writes(("training/config.json", b"{}"), revision="2")), STUB)
    assert not (folder / "recipe.md").exists()
    again = fetch_from(Pretended(writes(("recipe.md", b"new"), revision="2")), STUB, "recipe")
    assert (again / "training" / "config.json").exists()
    assert (again / "recipe.md").read_bytes() == b"new"


def test_cancelling_leaves_nothing_and_failing_leaves_only_what_is_hidden():
    def cancelled(staging: Path) -> Listing:
        (staging / ".weights.part").write_bytes(b"half")
        raise FetchCancelled

    def broken(staging: Path) -> Listing:
        (staging / ".weights.part").write_bytes(b"half")
        raise UserError("the connection broke", "")

    with pytest.raises(UserError):
        fetch_from(Pretended(broken), STUB)
    assert [path.name for path in own_root().rglob("*") if path.is_file()] == [".weights.part"]
    assert not place().exists()
    with pytest.raises(FetchCancelled):
        fetch_from(Pretended(cancelled), STUB)
    assert [path for path in own_root().rglob("*") if path.is_file()] == []


def test_a_full_disk_is_one_line(tmp_path: Path):
    def full(staging: Path) -> Listing:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(UserError, match="No space left"):
        fetch_from(Pretended(full), STUB)
    assert "no space is left" in _in_words(OSError(errno.ENOSPC, "full"))["message"]
    with pytest.raises(UserError, match="are free at"):
        check_room(tmp_path, [10**18])


def test_how_much_is_lacking_is_told_in_fine_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1200)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"3\.5 kB are to come and 1\.2 kB are free"):
        check_room(tmp_path, [3456])


def test_a_download_that_goes_on_already_is_called_by_its_name():
    def again(_: Path) -> Listing:
        fetch_from(Pretended(writes(("recipe.md", b"x"))), "someone/big")
        return Listing()

    with pytest.raises(UserError, match=r"^someone/big is being fetched already"):
        fetch_from(Pretended(again), "someone/big")


def test_a_failed_download_leaves_a_source_that_is_empty():
    def broken(staging: Path) -> Listing:
        (staging / ".weights.part").write_bytes(b"half")
        raise UserError("the connection broke", "")

    with pytest.raises(UserError):
        fetch_from(Pretended(broken), STUB)
    assert LocalSource().state().word == "empty"


@pytest.mark.parametrize("written", ["nan", "inf", "-1", "0", "soon"])
def test_a_time_limit_that_is_none_is_one_line(monkeypatch: pytest.MonkeyPatch, written: str):
    monkeypatch.setenv("SQA_ZOO_TIMEOUT", written)
    with pytest.raises(UserError, match=f"SQA_ZOO_TIMEOUT={written} is no number of seconds"):
        timeout()


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SQA_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="cannot write"):
        fetch_from(Pretended(writes(("recipe.md", b"x"))), STUB)
