"""Small JSON files, written so that a reader sees the old one or the new one and never half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Put `data` into `path` by a temporary file beside it and `os.replace`; nothing is left behind on failure.

    Raises OSError (no space, no permission); `durable` also waits until the disk has it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        _write_new(temporary, data, durable)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _write_new(path: Path, data: bytes, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def overwrite(path: Path, data: bytes) -> None:
    """Put `data` over the content of an existing file, in place: on a full disk that needs no space of its own.

    Not atomic; for what can be made again, and only where `write_atomically` failed. Raises OSError.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, os.pwrite(descriptor, data, 0))
    finally:
        os.close(descriptor)


def json_of(value: Any) -> bytes:
    """`value` (a msgspec struct or plain containers) as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def write_json(path: Path, value: Any, *, durable: bool = False) -> None:
    """`value` as indented JSON in `path`, by `write_atomically`."""
    write_atomically(path, json_of(value), durable=durable)
