"""Small files of foreign folders, read without ever waiting for somebody to write them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_regular(path: Path | str, limit: int) -> bytes:
    """At most `limit` bytes of a regular file.

    Raises:
        OSError: It is not there, cannot be read, or is a pipe, a device or a socket, which might never answer.
    """
    # Not `open`: it asks the system twice as much, and this is called for thousands of folders.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)
