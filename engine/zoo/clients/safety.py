"""What names and sizes are accepted from a server."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path, PurePosixPath

from engine.errors import UserError, plain

FILE_LIMIT = 50 * 10**9
"""Bytes of the largest file that is taken."""
FILES_LIMIT = 2000
"""How many files an entry may have."""
UNPACKED_LIMIT = 50 * 10**9
"""Bytes that the archives of one entry may hold."""
_NAME_LIMIT = 200


def safe_path(name: str) -> PurePosixPath:
    """`name` as a path below the entry's folder.

    Raises:
        UserError: It is absolute, leads out of the folder, is hidden, or has characters that no model's file has.
    """
    parts = name.split("/")
    wrong = (
        not name
        or len(name) > _NAME_LIMIT
        or not name.isprintable()
        or any(character in name for character in '\\:*?"<>|')
        or any(not part or part.startswith(".") or part != part.strip() for part in parts)
    )
    if wrong:
        raise UserError(f"the server names a file that cannot be kept safely: {plain(name, 80)}", "nothing was kept")
    return PurePosixPath(*parts)


def check_sizes(sizes: list[int | None]) -> None:
    """Refuse a listing that is larger than any model."""
    if len(sizes) > FILES_LIMIT:
        raise UserError(f"the server lists {len(sizes)} files, more than {FILES_LIMIT}", "this is no model")
    largest = max((size or 0 for size in sizes), default=0)
    if largest > FILE_LIMIT or any(size is not None and size < 0 for size in sizes):
        raise UserError(f"the server lists a file of {largest} bytes", f"at most {FILE_LIMIT} are taken")


def check_room(folder: Path, sizes: list[int | None]) -> None:
    """Refuse what the disk has no room for; what is in `folder` already is a part of it."""
    needed = sum(size or 0 for size in sizes) - sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if needed > free:
        message = f"{_many(needed)} are to come and {_many(free)} are free at {folder}"
        raise UserError(message, "free space, or set SQA_HOME elsewhere")


def _many(count: int) -> str:
    """Bytes in the unit that leaves some digits."""
    size, units = float(count), ["bytes", "kB", "MB", "GB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.{0 if units[0] == 'bytes' else 1}f} {units[0]}"


def check_tree(folder: Path) -> None:
    """Refuse a folder that holds anything but directories and plain files (symbolic links lead elsewhere)."""
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            name = path.relative_to(folder).as_posix()
            raise UserError(f"not a plain file: {plain(name)}", "the download is refused")
