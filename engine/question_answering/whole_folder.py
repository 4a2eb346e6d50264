"""Files that come into a folder together."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

STAGING = ".saving"


@contextmanager
def together(folder: Path) -> Generator[Path]:
    """A place to write files that come into `folder` when the block ends; where it fails `folder` stays as it was.

    A disk that is full, or a kill, strikes while files are written; moving them takes no room and no time.
    """
    staging = folder / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
        for written in sorted(path for path in staging.rglob("*") if path.is_file()):
            target = folder / written.relative_to(staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(written, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
