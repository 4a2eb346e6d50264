"""Tokenised windows kept on disk, so that the next run on the same questions reads them instead of making them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from engine.question_answering.cache_folder import cache_root, digest, forget_oldest, touch
from engine.question_answering.examples import Example
from engine.question_answering.features import Notify, Windows, WindowSettings

KIND = "windows"
FORMAT = "1"
"""Changes with what windows are made of or how they are stored."""
LEAST_EXAMPLES = 2000
"""Fewer are tokenised faster than they are looked up."""
_ABOUT = "about.json"

MakeWindows = Callable[..., Windows]


def cached_windows(
    make: MakeWindows,
    examples: Sequence[Example],
    tokenizer: Any,
    settings: WindowSettings,
    notify: Notify,
    *,
    progress: Notify | None = None,
    fresh: bool = False,
) -> Windows:
    """What `make` gives, from the disk where it was made before; `fresh` makes it anew.

    What `make` told `notify` is told again. A disk that cannot be written costs the cache and nothing else.
    """
    if len(examples) < LEAST_EXAMPLES or not tokenizer.is_fast:
        return make(examples, tokenizer, settings, notify, progress=progress)
    folder = cache_root(KIND) / _key(make, examples, tokenizer, settings)
    found = None if fresh else _read(folder, notify)
    if found is not None:
        return found
    notes: list[str] = []
    windows = make(examples, tokenizer, settings, notes.append, progress=progress)
    for note in notes:
        notify(note)
    _write(folder, windows, notes)
    return windows


def _key(make: MakeWindows, examples: Sequence[Example], tokenizer: Any, settings: WindowSettings) -> str:
    """Hash of everything that windows are made from."""
    rules = [FORMAT, make.__name__, tokenizers.__version__, tokenizer.padding_side, tokenizer.cls_token_id, settings]
    parts = [repr(rules).encode(), _tokenizer_text(tokenizer).encode()]
    for example in examples:
        answers = [(answer.text, answer.start) for answer in example.answers[:1]]
        parts.append(repr((example.question, example.context, answers)).encode("utf-8", "surrogatepass"))
    return digest(parts)


def _tokenizer_text(tokenizer: Any) -> str:
    """The whole tokenizer, without what its last call left in it."""
    known = json.loads(tokenizer.backend_tokenizer.to_str())
    return json.dumps({name: value for name, value in known.items() if name not in ("truncation", "padding")})


def _write(folder: Path, windows: Windows, notes: list[str]) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
        try:
            for name, array in _arrays(windows).items():
                np.save(made / f"{name}.npy", array)
            (made / _ABOUT).write_text(json.dumps({"inputs": list(windows.inputs), "notes": notes}), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        forget_oldest(KIND, folder)
    except OSError:
        return


def _arrays(windows: Windows) -> dict[str, np.ndarray]:
    """All windows one behind the other: `bounds` tells where each begins."""
    lengths = [len(offsets) for offsets in windows.offsets]
    arrays = {f"input-{name}": np.concatenate(rows) for name, rows in windows.inputs.items()}
    labels = {"start": windows.start, "end": windows.end} if windows.start else {}
    numbers = {
        name: np.asarray(values, dtype=np.int64) for name, values in {"example": windows.example, **labels}.items()
    }
    return arrays | numbers | {"offsets": np.concatenate(windows.offsets), "bounds": np.cumsum([0, *lengths])}


def _read(folder: Path, notify: Notify) -> Windows | None:
    """The windows kept in `folder`; None where there are none, or what is there cannot be read."""
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        windows = _windows(folder, about["inputs"])
        touch(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for note in about["notes"]:
        notify(note)
    return windows


def _windows(folder: Path, inputs: Sequence[str]) -> Windows:
    bounds = _load(folder, "bounds").tolist()

    def split(name: str) -> list[np.ndarray]:
        whole = _load(folder, name)
        if len(whole) != bounds[-1]:
            raise ValueError(f"{name} is not whole")
        return [whole[begin:end] for begin, end in pairwise(bounds)]

    labelled = (folder / "start.npy").exists()
    return Windows(
        inputs={name: split(f"input-{name}") for name in inputs},
        offsets=split("offsets"),
        example=_load(folder, "example").tolist(),
        start=_load(folder, "start").tolist() if labelled else [],
        end=_load(folder, "end").tolist() if labelled else [],
    )


def _load(folder: Path, name: str) -> np.ndarray:
    """An array that the system reads from disk when it is looked at."""
    return np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False).view(np.ndarray)
