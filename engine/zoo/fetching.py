"""Downloads: they grow in a hidden folder and are renamed into place when they are complete, or never are."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import UserError, plain
from engine.zoo.clients.process import never
from engine.zoo.clients.safety import check_tree, safe_path
from engine.zoo.demo.publish import is_demo_recipe, train_command
from engine.zoo.local import own_root, place_of
from engine.zoo.marker import Marker, read_marker, write_marker
from engine.zoo.source import Cancelled, FetchCancelled, Listing, OnProgress, Part, Progress, Source, ZooFile
from engine.zoo.sources import find_entry, source_of
from engine.zoo.stubs import is_stub
from engine.zoo.substitutes import Role, substitutes

_PARTIAL = ".partial"
_ROLES: tuple[Role, ...] = ("model", "teacher", "recipe")


def ignore(_: Progress) -> None:
    """For downloads that nobody watches."""


def fetch(
    name: str,
    part: Part = "model",
    *,
    source: str | None = None,
    on_progress: OnProgress = ignore,
    cancelled: Cancelled = never,
) -> Path:
    """`fetch_from` the source that is named, or the one that entries of this name come from."""
    return fetch_from(choose_source(name, source), name, part, on_progress=on_progress, cancelled=cancelled)


def choose_source(name: str, source: str | None = None) -> Source:
    """Where `name` would be fetched from: stubs from a SparseZoo server, everything else from the hub.

    Raises:
        UserError: No such source, or it cannot fetch, or not now.
    """
    if os.path.isabs(name):
        raise UserError(
            f"a folder of this machine is not fetched: {plain(name)}", "`sqa-tui zoo show` tells what is in it"
        )
    chosen = source_of(source or ("sparsezoo" if is_stub(name) else "hub"))
    state = chosen.state()
    if not chosen.can_fetch:
        raise UserError(f"nothing is fetched from the source {chosen.name}", "`sqa-tui zoo sources` shows which can")
    if not state.usable:
        raise UserError(f"{plain(name)} cannot be fetched from {chosen.title}: {state.reason}", _instead(name))
    return chosen


def _instead(name: str) -> str:
    if is_demo_recipe(name):
        return f"make its model: {shlex.join(train_command(name))}"
    entry = find_entry(name) if is_stub(name) else None
    near = [other for role in _ROLES for other in substitutes(entry, role)[:1]] if entry is not None else []
    if near:
        return f"perhaps {near[0].flags} instead ({near[0].why})"
    return "`sqa-tui zoo list --local` shows what is on this machine"


def fetch_from(
    source: Source, name: str, part: Part = "model", *, on_progress: OnProgress = ignore, cancelled: Cancelled = never
) -> Path:
    """Download a part of an entry and return its folder, in which it is complete.

    A download that broke off leaves a hidden folder beside, from which the next one goes on; a cancelled one leaves
    nothing.

    Args:
        source: Where it comes from.
        name: A stub (its parameters choose among recipes) or the id of a repository on the hub.
        part: What of it.
        on_progress: Called in this thread.
        cancelled: Asked several times a second.

    Raises:
        UserError: It cannot be had, is being downloaded already, or cannot be written.
        FetchCancelled: `cancelled` said so.
    """
    target = place_of(name)
    try:
        with _locked(target, name) as work:
            staging = work / part
            staging.mkdir(exist_ok=True)
            try:
                listing = source.fetch(name, part, staging, on_progress, cancelled)
            except FetchCancelled:
                shutil.rmtree(staging, ignore_errors=True)
                raise
            _put(staging, target, _marker(name, source.name, part, listing, staging))
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}", "free space, or set SQA_HOME elsewhere") from error
    size = sum(file.size or 0 for file in listing.files)
    on_progress(Progress(name=name, source=source.name, phase="done", done=size, total=size))
    return target


@contextmanager
def _locked(target: Path, name: str) -> Generator[Path]:
    """The hidden folder that downloads of `target` grow in, for one thread of one process at a time."""
    work = own_root() / _PARTIAL / target.relative_to(own_root()).as_posix().replace("/", "__")
    descriptor = _lock(work, name)
    try:
        yield work
    finally:
        # Where nothing came nothing is worth keeping.
        if not any(path.is_file() for path in work.rglob("*")):
            shutil.rmtree(work, ignore_errors=True)
        os.close(descriptor)


def _lock(work: Path, name: str) -> int:
    """Lock a folder, which may go away while it is locked; returns the descriptor that holds the lock."""
    while True:
        work.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if work.is_dir() and os.path.samestat(os.fstat(descriptor), os.stat(work)):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise UserError(f"{plain(name)} is being fetched already", "wait for it, or cancel it") from None
        os.close(descriptor)


def _marker(name: str, source: str, part: Part, listing: Listing, staging: Path) -> Marker:
    """What the folder will hold; refuses what is not exactly what was listed."""
    check_tree(staging)
    if not listing.files:
        raise UserError(
            f"{source} has no {part} of {plain(name)}", f"`sqa-tui zoo show {plain(name)}` tells what there is"
        )
    for file in listing.files:
        path = staging / safe_path(file.path)
        if not path.is_file() or (file.size is not None and path.stat().st_size != file.size):
            raise UserError(f"{plain(file.path)} did not come whole", "fetch again")
    _leave_only({file.path for file in listing.files}, staging)
    files = tuple(_sized(file, staging) for file in listing.files)
    parts: tuple[Part, ...] = (part,)
    return Marker(name=name, source=source, fetched=time.time(), parts=parts, files=files, revision=listing.revision)


def _leave_only(names: set[str], folder: Path) -> None:
    """Remove what an earlier attempt left of files that are not listed any more."""
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in names:
            path.unlink()


def _sized(file: ZooFile, staging: Path) -> ZooFile:
    return ZooFile(path=file.path, size=(staging / file.path).stat().st_size, checksum=file.checksum)


def _put(staging: Path, target: Path, marker: Marker) -> None:
    """Rename `staging` to `target`, together with the other parts that an earlier download brought there."""
    if target.exists():
        marker = _with_earlier(staging, target, marker)
    write_marker(staging, marker)
    target.parent.mkdir(parents=True, exist_ok=True)
    previous = staging.with_name("previous")
    shutil.rmtree(previous, ignore_errors=True)
    if target.exists():
        os.replace(target, previous)
    os.replace(staging, target)
    shutil.rmtree(previous, ignore_errors=True)


def _with_earlier(staging: Path, target: Path, marker: Marker) -> Marker:
    earlier = read_marker(target)
    if earlier is None:
        raise UserError(f"{target} is there and was not downloaded", "move it away to fetch this one")
    new = {file.path for file in marker.files}
    same = earlier.revision == marker.revision and earlier.source == marker.source
    kept = [file for file in earlier.files if file.path not in new and (target / file.path).is_file()] if same else []
    for file in kept:
        (staging / file.path).parent.mkdir(parents=True, exist_ok=True)
        os.link(target / file.path, staging / file.path)
    parts = tuple(dict.fromkeys((*(earlier.parts if same else ()), *marker.parts)))
    return Marker(
        name=marker.name,
        source=marker.source,
        fetched=marker.fetched,
        parts=parts,
        files=(*marker.files, *kept),
        revision=marker.revision,
    )
