"""The files of a model: a local folder or a hub repository, weights in safetensors or pickled."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers.utils.hub import cached_file

from engine.errors import UserError, plain

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
FOREIGN_WEIGHTS = ("tf_model.h5", "flax_model.msgpack", "model.ckpt.index")


@dataclass(frozen=True)
class ModelFiles:
    """Where a model lies; `revision` and `cache_dir` are for the hub."""

    source: str
    revision: str | None = None
    cache_dir: str | None = None

    @property
    def folder(self) -> Path | None:
        """The local folder, None for a hub id."""
        path = Path(self.source).expanduser()
        return path if path.is_dir() else None

    @property
    def name(self) -> str:
        """What to load from: the folder or the hub id. Raises `UserError` for neither."""
        if self.folder is not None:
            return str(self.folder)
        if self.source.startswith(("/", ".", "~")) or self.source.count("/") > 1 or not self.source:
            raise UserError(f"there is no folder {plain(self.source)}", "give a model folder or a hub id")
        return self.source

    def find(self, name: str) -> Path | None:
        """A file of the model, None where there is none."""
        if self.folder is not None:
            path = self.folder / name
            return path if path.is_file() else None
        found = cached_file(
            self.name,
            name,
            revision=self.revision,
            cache_dir=self.cache_dir,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
            _raise_exceptions_for_gated_repo=False,
        )
        return None if found is None else Path(str(found))

    def weights(self) -> list[Path]:
        """The files that hold the weights, safetensors preferred; empty where there are none."""
        for name in WEIGHTS:
            single = self.find(name)
            if single is not None:
                return [single]
            index = self.find(f"{name}.index.json")
            if index is not None:
                return [self._shard(part, index) for part in sorted(_parts(index))]
        return []

    def _shard(self, name: str, index: Path) -> Path:
        found = self.find(name)
        if found is None:
            raise UserError(f"{plain(name)}, named by {plain(str(index))}, is missing", "copy the whole model folder")
        return found


def read_tensors(files: list[Path], wanted: Callable[[str], bool]) -> dict[str, torch.Tensor]:
    """The tensors in `files` whose names are `wanted`. Raises `UserError` for a file that cannot be read."""
    return dict(each_tensor(files, wanted))


def each_tensor(files: list[Path], wanted: Callable[[str], bool]) -> Iterator[tuple[str, torch.Tensor]]:
    """As `read_tensors`, one after the other, so that no two need be in memory."""
    for path in files:
        try:
            yield from _tensors(path, wanted)
        except pickle.UnpicklingError:
            raise UserError(
                f"{plain(str(path))} is damaged, or holds more than weights",
                "give a safetensors file, or copy it again",
            ) from None
        except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, AttributeError) as error:
            raise UserError(
                f"{plain(str(path))} cannot be read as weights: {plain(str(error), 200)}", "copy or download it again"
            ) from None


def _tensors(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, Any]]:
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                if wanted(name):
                    yield name, file.get_tensor(name)
        return
    for name, tensor in torch.load(path, map_location="cpu", weights_only=True, mmap=True).items():
        if wanted(name):
            yield name, tensor


def _parts(index: Path) -> set[str]:
    try:
        return set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{plain(str(index))} is no index of weights", "copy or download the model again") from None
