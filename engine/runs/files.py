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


def write_json(path: Path, value: Any, *, durable: bool = False) -> None:
    """`value` (a msgspec struct or plain containers) as indented JSON, atomically."""
    write_atomically(path, msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n", durable=durable)
