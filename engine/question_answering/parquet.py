"""Questions from Parquet files, as the datasets of the hub are stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import UserError, plain

_MAGIC = b"PAR1"
_NEEDED = ("question", "context")


def is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does; False where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def check_parquet(path: Path) -> None:
    """Refuse a Parquet file that was cut off. Raises `UserError`."""
    with path.open("rb") as stream:
        stream.seek(-len(_MAGIC), 2)
        if stream.read() != _MAGIC:
            raise UserError(f"{path}: the Parquet file is damaged or cut off", "fetch the file again")


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file. Raises `UserError` where it is damaged or has no question and context."""
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        names = file.schema_arrow.names
        missing = [name for name in _NEEDED if name not in names]
        if missing:
            raise UserError(
                f"{path}: no column {' and '.join(missing)} among {plain(', '.join(names), 200)}",
                "expected columns id, question, context and answers",
            )
        for batch in file.iter_batches():
            yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: not readable as Parquet: {plain(str(error), 200)}", "fetch the file again") from None
