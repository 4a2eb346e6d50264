"""Whether the files of a checkpoint are whole, told by their outlines: nothing is loaded, however large they are."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

_HEADER_BYTES = 8
_ZIPPED = ("*.pt", "*.pth")
"""What torch writes as zip archives, whose table of contents comes last."""


def fault_of(checkpoint: Path) -> str:
    """The first file of a checkpoint that is cut off or cannot be read; empty where none is."""
    weights = [path for path in sorted(checkpoint.glob("*.safetensors")) if not _is_whole(path)]
    archives = [
        path for pattern in _ZIPPED for path in sorted(checkpoint.glob(pattern)) if not zipfile.is_zipfile(path)
    ]
    return next((f"{path.name} is cut off or damaged" for path in (*weights, *archives)), "")


def _is_whole(weights: Path) -> bool:
    """Whether a file of safetensors is as long as its header says."""
    try:
        with weights.open("rb") as stream:
            length = int.from_bytes(stream.read(_HEADER_BYTES), "little")
            size = weights.stat().st_size
            if not 0 < length <= size - _HEADER_BYTES:
                return False
            header = json.loads(stream.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return False
    return size == _HEADER_BYTES + length + max(ends, default=0)
