"""The deployment folder: written beside, then put in place in one step."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.errors import UserError, plain
from engine.export.report import ExportReport
from engine.pipeline.deployment import ABOUT_FILE

COPIED = ("config.json", "recipe.yaml", "vocab.txt", "vocab.json", "merges.txt", "special_tokens_map.json")
STAGING = ".deployment-"


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """An empty folder beside `target` that takes its place when the block ends; removed where the block raises."""
    try:
        staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=target.parent))
    except OSError as error:
        raise UserError(
            f"cannot write into {target.parent}: {error.strerror}", "free space or change permissions"
        ) from error
    try:
        yield staging
        _replace(staging, target)
    except OSError as error:
        raise UserError(
            f"cannot write {target}: {error.strerror or error}", "free space or change permissions"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _replace(staging: Path, target: Path) -> None:
    """Put `staging` in the place of `target`; the old folder comes back where that fails."""
    mask = os.umask(0)
    os.umask(mask)
    staging.chmod(0o777 & ~mask)
    if not (target.exists() or target.is_symlink()):
        staging.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=STAGING, dir=target.parent))
    kept = target.rename(old / target.name)
    try:
        staging.rename(target)
    except OSError:
        kept.rename(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def write_companions(model_path: Path, folder: Path, sequence_length: int) -> None:
    """Everything beside the graph: configuration, tokenizer, recipe."""
    write_tokenizer(model_path, folder, sequence_length)
    for name in COPIED:
        source = model_path / name
        if source.is_file() and not (folder / name).exists():
            shutil.copyfile(source, folder / name)


def write_tokenizer(model_path: Path, folder: Path, sequence_length: int) -> None:
    """`tokenizer.json`, its configuration, the special tokens and, for WordPiece, `vocab.txt`."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model_path, local_files_only=True)
    except Exception as error:
        raise UserError(
            f"cannot load the tokenizer of {model_path}: {plain(str(error), 200)}", "copy its files"
        ) from error
    tokenizer.model_max_length = sequence_length
    tokenizer.save_pretrained(folder)
    if not (folder / "special_tokens_map.json").exists():
        _write_json(folder / "special_tokens_map.json", tokenizer.special_tokens_map)
    if not (model_path / "vocab.txt").is_file() and _is_word_piece(folder / "tokenizer.json"):
        words = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        (folder / "vocab.txt").write_text("".join(f"{word}\n" for word, _ in words), encoding="utf-8")


def write_about(report: ExportReport, folder: Path) -> None:
    """`sqa.json`: the report, for people and for the pipeline."""
    _write_json(folder / ABOUT_FILE, msgspec.to_builtins(report))


def _is_word_piece(path: Path) -> bool:
    if not path.is_file():
        return False
    content = msgspec.json.decode(path.read_bytes())
    return content.get("model", {}).get("type") == "WordPiece"


def _write_json(path: Path, value: object) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
