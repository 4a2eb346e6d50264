"""Files of a model folder beside its weights."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from engine.errors import UserError

RECIPE_FILE = "recipe.yaml"
_STATE_FILE = "trainer_state.json"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """All that readers of SparseZoo's folders look for: tokenizer.json, settings, special tokens, vocabulary."""
    tokenizer.save_pretrained(folder)
    # Since version 5 transformers writes neither of these two itself.
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n", encoding="utf-8")
    tokenizer.backend_tokenizer.model.save(str(folder))


def write_recipe(folder: Path, text: str | None) -> None:
    """Write `recipe.yaml`, where there is a recipe."""
    if text is not None:
        (folder / RECIPE_FILE).write_text(text, encoding="utf-8")


def last_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint in `folder`; one that was cut off while it was written does not count."""
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    found = [(int(match[1]), folder / name) for name in names if (match := _CHECKPOINT.fullmatch(name))]
    complete = [item for item in found if _is_complete(item[1])]
    return max(complete)[1] if complete else None


def _is_complete(checkpoint: Path) -> bool:
    """Whether the file that is written last can be read."""
    try:
        return "global_step" in json.loads((checkpoint / _STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def check_output_folder(folder: Path, *, overwrite: bool, own: bool = False) -> Path | None:
    """The checkpoint in `folder` to go on from, if any; `own`: the run has written there before.

    Raises `UserError` where the folder holds something else.
    """
    if own:
        return last_checkpoint(folder)
    if overwrite or not folder.exists():
        return None
    if not folder.is_dir():
        raise UserError(f"--output_dir {folder} is not a folder", "choose another one")
    checkpoint = last_checkpoint(folder)
    if checkpoint is None and any(folder.iterdir()):
        raise UserError(
            f"--output_dir {folder} is not empty and holds no checkpoint",
            "choose another folder or add --overwrite_output_dir",
        )
    return checkpoint
