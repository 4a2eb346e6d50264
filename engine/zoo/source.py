"""What every place that models, recipes and teachers come from can be asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import msgspec

from engine.errors import UserError
from engine.zoo.entry import Entry

StateWord = Literal["ready", "unasked", "empty", "offline", "unavailable", "unreachable"]
Part = Literal["model", "recipe", "deployment", "all"]
"""What to fetch of an entry: ``recipe`` is recipes and card, ``model`` the training files with them, ``deployment`` the
exported model with the card."""

PARTS: tuple[Part, ...] = ("model", "recipe", "deployment", "all")


class State(NamedTuple):
    """Whether a source can be used now, and the reason or a remark in one line."""

    word: StateWord
    reason: str

    @property
    def usable(self) -> bool:
        """Whether it can be asked: a source on a network that nobody has asked yet can, too."""
        return self.word in ("ready", "unasked")


class ZooFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an entry: its path below the entry's folder, its size in bytes and its checksum where known."""

    path: str
    size: int | None = None
    checksum: str | None = None


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """All files that a source has of an entry, and which revision they are."""

    files: tuple[ZooFile, ...] = ()
    revision: str | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a download is; sizes in bytes, speed in bytes a second, times in seconds.

    `phase` is ``asking`` (nothing has come yet), ``downloading``, ``checking`` or ``done``. `total` and `eta` are None
    where the source does not say how much there is.
    """

    name: str
    source: str
    phase: Literal["asking", "downloading", "checking", "done"] = "asking"
    file: str = ""
    done: int = 0
    total: int | None = None
    speed: float = 0.0
    eta: float | None = None


OnProgress = Callable[[Progress], None]
Cancelled = Callable[[], bool]


class Source(Protocol):
    """A place that lists entries and may hold their files.

    `name` of an entry is its ``Entry.stub``: a normalised stub, the id of a repository on the hub, or a folder's path.
    What may use the network says so, and ends within seconds where nobody answers.
    """

    name: str
    title: str
    can_fetch: bool

    def state(self) -> State:
        """Whether it can be used, as far as that is known at once: no network."""
        ...

    def probe(self) -> State:
        """Whether it can be used, by asking it: may use the network."""
        ...

    def entries(self) -> Sequence[Entry]:
        """Everything that it can list at once: no network."""
        ...

    def find(self, name: str) -> Entry | None:
        """One of its `entries`, without looking at all of them; None where it has none of that name. No network."""
        ...

    def search(self, words: str, limit: int = 50) -> list[Entry]:
        """What it has for some words; may use the network, raises `UserError` where that fails."""
        ...

    def folder(self, name: str) -> Path | None:
        """The folder on this machine that holds `name` completely; None where there is none. No network."""
        ...

    def files(self, name: str) -> Listing:
        """The files that can be had of `name`; may use the network, raises `UserError` where that fails."""
        ...

    def fetch(self, name: str, part: Part, staging: Path, on_progress: OnProgress, cancelled: Cancelled) -> Listing:
        """Download into `staging`, going on from what is there; may use the network.

        Only `engine.zoo.fetching` calls this: it makes the finished folder, or none.

        Raises:
            UserError: The source cannot be reached, has no such entry, or sent something that is not what it listed.
            FetchCancelled: `cancelled` said so.
        """
        ...


class FixedSource:
    """What sources have in common that list the same entries with and without a network, and fetch nothing."""

    name: str
    title: str
    can_fetch = False

    def state(self) -> State:
        """Overridden."""
        raise NotImplementedError

    def entries(self) -> Sequence[Entry]:
        """Overridden."""
        raise NotImplementedError

    def folder(self, name: str) -> Path | None:
        """None, unless overridden."""
        return None

    def probe(self) -> State:
        """As `state`: there is nobody to ask."""
        return self.state()

    def find(self, name: str) -> Entry | None:
        """The entry of that name, in either grammar."""
        return next((entry for entry in self.entries() if name in (entry.stub, entry.name_stub)), None)

    def search(self, words: str, limit: int = 50) -> list[Entry]:
        """Entries whose stub or title holds all words."""
        wanted = words.lower().split()
        texts = ((entry, f"{entry.stub} {entry.title}".lower()) for entry in self.entries())
        return [entry for entry, text in texts if all(word in text for word in wanted)][:limit]

    def files(self, name: str) -> Listing:
        """What lies in its folder."""
        folder = self.folder(name)
        return files_in(folder) if folder is not None else Listing()

    def fetch(self, name: str, part: Part, staging: Path, on_progress: OnProgress, cancelled: Cancelled) -> Listing:
        """Always refused."""
        raise UserError(f"nothing is fetched from the source {self.name}", "`sqa-tui zoo sources` shows which can")


def files_in(folder: Path) -> Listing:
    """Every visible file of a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    files = (ZooFile(path=path.relative_to(folder).as_posix(), size=path.stat().st_size) for path in paths)
    return Listing(files=tuple(files))


class FetchCancelled(Exception):  # noqa: N818  (it is no error)
    """A download was given up on request."""
